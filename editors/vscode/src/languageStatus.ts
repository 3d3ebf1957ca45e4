// What the braces in the status bar tell of an artifact or a model: the server, and the Python that work on the file is done in.
import * as vscode from 'vscode';
import { homeAsTilde } from './places';
import { interpreterOf } from './python';
import { isOurs } from './seen';
import type { ServerState } from './status';
import { unattended } from './unattended';

export class LanguageStatus implements vscode.Disposable {
  private readonly server = vscode.languages.createLanguageStatusItem('torchlean.server', []);
  private readonly python = vscode.languages.createLanguageStatusItem('torchlean.python', []);
  private readonly listener: vscode.Disposable;
  private shown = 0;

  constructor(version: string) {
    this.server.name = 'TorchLean';
    this.server.text = `TorchLean ${version}`;
    this.server.command = { command: 'torchlean-ls.menu', title: 'Menu' };
    this.python.name = 'TorchLean: Python';
    this.python.command = { command: 'torchlean-ls.selectInterpreter', title: 'Select Interpreter' };
    this.listener = vscode.window.onDidChangeActiveTextEditor(() => unattended(this.update()));
    unattended(this.update());
  }

  show(state: ServerState, detail?: string): void {
    this.server.busy = state === 'starting';
    this.server.detail = detail === undefined ? state : `${state}: ${homeAsTilde(detail)}`;
    this.server.severity = {
      failed: vscode.LanguageStatusSeverity.Error,
      missing: vscode.LanguageStatusSeverity.Warning,
      starting: vscode.LanguageStatusSeverity.Information,
      running: vscode.LanguageStatusSeverity.Information,
      stopped: vscode.LanguageStatusSeverity.Information,
      disabled: vscode.LanguageStatusSeverity.Information,
    }[state];
  }

  /** For the file that is looked at; other Python and JSON files have no such items. */
  async update(): Promise<void> {
    this.shown += 1;
    const turn = this.shown;
    const document = vscode.window.activeTextEditor?.document;
    const ours = document !== undefined && isOurs(document);
    const selector = ours ? [{ scheme: document.uri.scheme, language: document.languageId }] : [];
    this.server.selector = selector;
    const folder = document && vscode.workspace.getWorkspaceFolder(document.uri);
    const interpreter = ours ? await interpreterOf(folder) : undefined;
    if (turn !== this.shown) {
      return; // another file is looked at meanwhile
    }
    this.python.selector = selector;
    this.python.text = interpreter === undefined ? 'Python of the server' : homeAsTilde(interpreter.path);
    this.python.detail = interpreter?.origin ?? 'no interpreter is selected';
  }

  dispose(): void {
    this.listener.dispose();
    this.server.dispose();
    this.python.dispose();
  }
}
