// What menus, key bindings and the walkthrough are told: the server's state, and what kind of file is looked at.
import * as vscode from 'vscode';
import { hasPatterns, isOurs } from './seen';
import type { ServerState } from './status';
import { unattended } from './unattended';

export class Contexts implements vscode.Disposable {
  private readonly listener: vscode.Disposable;

  constructor() {
    this.listener = vscode.Disposable.from(
      vscode.window.onDidChangeActiveTextEditor(() => this.look()),
      vscode.workspace.onDidSaveTextDocument(() => this.look()),
      vscode.workspace.onDidOpenTextDocument(() => this.look()), // another language of the same file, too
    );
    this.look();
  }

  show(state: ServerState): void {
    set('state', state);
  }

  dispose(): void {
    this.listener.dispose();
  }

  private look(): void {
    const document = vscode.window.activeTextEditor?.document;
    const ours = document !== undefined && isOurs(document);
    // A file that a setting may declare to be an artifact holds whatever it likes.
    const declared = document?.languageId === 'json' && hasPatterns();
    set('isModel', ours && document.languageId === 'python');
    set('isArtifact', declared || (ours && document.languageId !== 'python'));
  }
}

function set(name: string, value: unknown): void {
  unattended(vscode.commands.executeCommand('setContext', `torchlean-ls.${name}`, value));
}
