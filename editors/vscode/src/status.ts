// The status bar item: what the language server is doing.
import * as vscode from 'vscode';

export type ServerState = 'starting' | 'running' | 'stopped' | 'failed' | 'disabled';

const TEXTS: Record<ServerState, string> = {
  starting: '$(sync~spin) TorchLean',
  running: '$(check) TorchLean',
  stopped: '$(circle-slash) TorchLean',
  failed: '$(error) TorchLean',
  disabled: '$(circle-slash) TorchLean',
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
    this.item.tooltip = `TorchLean language server: ${state}${detail ? `\n${detail}` : ''}${trust}`;
    this.item.backgroundColor =
      state === 'failed' ? new vscode.ThemeColor('statusBarItem.errorBackground') : undefined;
    this.item.accessibilityInformation = { label: `TorchLean language server: ${state}` };
  }

  dispose(): void {
    this.item.dispose();
  }
}
