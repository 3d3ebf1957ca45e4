// Entry point: wires the server, the commands, the status item and the settings together.
import * as vscode from 'vscode';
import { Server } from './client';
import { registerCommands } from './commands';
import { Graphs } from './graph/graphs';
import { onDidChangeEnvironment } from './python';
import { StatusItem } from './status';

/** Settings that decide which process runs. The client sends all others to it. */
const START_SETTINGS = ['torchlean.enable', 'torchlean.server.path'];

let server: Server | undefined;

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const output = vscode.window.createOutputChannel('TorchLean', { log: true });
  const status = new StatusItem('torchlean-ls.showOutput');
  const current = new Server(output);
  server = current;

  const watchEnvironment = async (): Promise<void> => {
    const listener = await onDidChangeEnvironment(() => void current.refresh());
    if (listener !== undefined) {
      context.subscriptions.push(listener);
    }
  };

  context.subscriptions.push(
    output,
    status,
    current.onDidChangeState(({ state, detail }) => status.show(state, detail)),
    vscode.commands.registerCommand('torchlean-ls.showOutput', () => output.show(true)),
    ...registerCommands(current),
    new Graphs(context.extensionUri, (command, argument) => current.ask(command, argument)).register(),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (START_SETTINGS.some((setting) => event.affectsConfiguration(setting))) {
        void current.refresh();
      }
    }),
    vscode.workspace.onDidGrantWorkspaceTrust(() => {
      void current.refresh();
      void watchEnvironment();
    }),
  );

  await current.restart();
  await watchEnvironment();
}

export async function deactivate(): Promise<void> {
  await server?.stop();
}
