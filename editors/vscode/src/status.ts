// The status bar item: what the language server is doing. A click on it opens the menu.
import * as vscode from 'vscode';
import { homeAsTilde } from './launch';

export type ServerState = 'starting' | 'running' | 'stopped' | 'failed' | 'missing' | 'disabled';

const TEXTS: Record<ServerState, string> = {
  starting: '$(sync~spin) TorchLean',
  running: '$(check) TorchLean',
  stopped: '$(circle-slash) TorchLean',
  failed: '$(error) TorchLean',
  missing: '$(warning) TorchLean',
  disabled: '$(circle-slash) TorchLean',
};

const BACKGROUNDS: Partial<Record<ServerState, string>> = {
  failed: 'statusBarItem.errorBackground',
  missing: 'statusBarItem.warningBackground',
};

export class StatusItem implements vscode.Disposable {
  private readonly item: vscode.StatusBarItem;

  constructor(command: string) {
    this.item = vscode.window.createStatusBarItem('torchlean.server', vscode.StatusBarAlignment.Right, 0);
    this.item.name = 'TorchLean language server';
    this.item.command = command;
    this.show('stopped');
    this.item.show();
  }

  show(state: ServerState, detail?: string): void {
    this.item.text = TEXTS[state];
    const trust = vscode.workspace.isTrusted ? '' : '\nUntrusted workspace: nothing of it is run.';
    this.item.tooltip = `TorchLean language server: ${state}${detail ? `\n${homeAsTilde(detail)}` : ''}${trust}`;
    const background = BACKGROUNDS[state];
    this.item.backgroundColor = background === undefined ? undefined : new vscode.ThemeColor(background);
    this.item.accessibilityInformation = { label: `TorchLean language server: ${state}` };
  }

  dispose(): void {
    this.item.dispose();
  }
}
