// Artifacts that are called `m.json`: VS Code's own JSON service judges them, too, until they have the language of artifacts.
import * as vscode from 'vscode';
import { FORMAT } from './seen';
import { unattended } from './unattended';

const LOOKED_AT = 100_000;

const KEY = 'language';
const SWITCH = 'Switch Language';
const LEAVE = 'Leave as JSON';

/** Whether a document is JSON by its name, and an artifact by what it holds. */
export function isMarked(language: string, text: string): boolean {
  return language === 'json' && FORMAT.test(text.slice(0, LOOKED_AT));
}

/** Offers, once in a workspace, to show such files with the language of artifacts; the answer holds for all of them. */
export function offerLanguage(memory: vscode.Memento): vscode.Disposable[] {
  let isAsking = false;
  const look = async (document: vscode.TextDocument): Promise<void> => {
    if (document.uri.scheme !== 'file' || !isMarked(document.languageId, document.getText())) {
      return;
    }
    if (memory.get(KEY) === undefined && !isAsking) {
      isAsking = true;
      const question = 'This JSON file is a TorchLean artifact. Show such files in this workspace with the language TorchLean IR?';
      const answer = await vscode.window.showInformationMessage(question, SWITCH, LEAVE);
      isAsking = false;
      if (answer !== undefined) {
        await memory.update(KEY, answer);
      }
      await Promise.all(vscode.workspace.textDocuments.map(change));
      return;
    }
    await change(document);
  };
  const change = async (document: vscode.TextDocument): Promise<void> => {
    const wanted = memory.get(KEY) === SWITCH && document.uri.scheme === 'file';
    if (wanted && !document.isClosed && isMarked(document.languageId, document.getText())) {
      await vscode.languages.setTextDocumentLanguage(document, 'torchlean-ir');
    }
  };
  vscode.workspace.textDocuments.forEach((document) => unattended(look(document)));
  return [vscode.workspace.onDidOpenTextDocument((document) => unattended(look(document)))];
}
