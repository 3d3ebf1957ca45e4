// The commands of the palette. The server asks for what is missing.
import * as vscode from 'vscode';
import type { BaseLanguageClient } from 'vscode-languageclient/node';
import type { Server } from './client';
import { remember } from './asking';
import { offerLanguage } from './language';
import { isEnabled } from './launch';
import { pickOnnxFile } from './onnxFiles';
import { runCommand } from './results';
import { mayEnd } from './training/running';
import { registerTraining } from './training/views';
import { unattended } from './unattended';

/** Registers every contributed command except showing the output, which needs no server. */
export function registerCommands(server: Server, context: vscode.ExtensionContext): vscode.Disposable[] {
  remember(context.workspaceState);
  const register = (name: string, run: (uri?: vscode.Uri) => Promise<unknown>): vscode.Disposable =>
    vscode.commands.registerCommand(`torchlean-ls.${name}`, (uri: unknown) =>
      run(uri instanceof vscode.Uri ? uri : undefined),
    );
  return [
    register('emit', async (uri) => onDocument(server, 'torchlean.emit', uri)),
    register('refresh', async (uri) => onDocument(server, 'torchlean.refresh', uri)),
    register('check', async (uri) => onOpenText(server, 'torchlean.check', uri)),
    register('init', async (uri) => onDocument(server, 'torchlean.init', uri)),
    register('capture', async (uri) => onDocument(server, 'torchlean.capture', uri, { ask: true })),
    register('captureOnnx', async (uri) => onOnnxFile(server, uri)),
    register('train', async (uri) => onDocument(server, 'torchlean.train', uri, { ask: true })),
    register('useParams', async (uri) => onDocument(server, 'torchlean.useParams', uri)),
    register('convert', async (uri) => onDocument(server, 'torchlean.convert', uri)),
    register('stop', async (uri) => onOpenText(server, 'torchlean.stop', uri)),
    register('restart', async () => (await mayEnd('Restart')) && server.restart()),
    ...registerTraining(context, { client: () => running(server), execute: (command, argument) => execute(server, command, argument) }),
    ...offerLanguage(context.workspaceState),
  ];
}

async function onDocument(server: Server, command: string, uri: vscode.Uri | undefined, more = {}): Promise<unknown> {
  const document = await target(uri);
  if (document === undefined) {
    unattended(vscode.window.showErrorMessage('TorchLean: open the file that the command is for first.'));
    return undefined;
  }
  // Hashes, workers and generated files all speak of the file on disk; other changes are saved where the server says so.
  if (document.isUntitled && !(await document.save())) {
    unattended(vscode.window.showErrorMessage('TorchLean: the file has to be saved first.'));
    return undefined;
  }
  const saved = document.isUntitled ? vscode.window.activeTextEditor?.document.uri : document.uri;
  return execute(server, command, { uri: (saved ?? document.uri).toString(), ...more });
}

/** Captures an ONNX file, which no editor shows: the one of the menu, else one that is picked. */
async function onOnnxFile(server: Server, uri: vscode.Uri | undefined): Promise<unknown> {
  const file = uri ?? (await pickOnnxFile());
  return file && execute(server, 'torchlean.capture', { uri: file.toString(), ask: true });
}

/** A command about the text as it is in the editor, saved or not. */
async function onOpenText(server: Server, command: string, uri: vscode.Uri | undefined): Promise<unknown> {
  const document = await target(uri);
  return document && execute(server, command, { uri: document.uri.toString() });
}

/** The client, once the server runs; undefined where it does not. */
async function running(server: Server): Promise<BaseLanguageClient | undefined> {
  await server.settled();
  return server.running;
}

async function execute(server: Server, command: string, argument: Record<string, unknown>): Promise<unknown> {
  const client = await running(server);
  if (client === undefined) {
    unattended(isEnabled() ? offerStart() : offerSwitch());
    return undefined;
  }
  return runCommand(client, command, [argument]);
}

async function offerSwitch(): Promise<void> {
  const text = 'TorchLean is switched off by the setting torchlean.enable.';
  if ((await vscode.window.showErrorMessage(text, 'Open Settings')) !== undefined) {
    await vscode.commands.executeCommand('workbench.action.openSettings', 'torchlean.enable');
  }
}

async function offerStart(): Promise<void> {
  const choice = await vscode.window.showErrorMessage("TorchLean's language server is not running.", 'Restart', 'Show Output');
  if (choice !== undefined) {
    await vscode.commands.executeCommand(`torchlean-ls.${choice === 'Restart' ? 'restart' : 'showOutput'}`);
  }
}

async function target(uri: vscode.Uri | undefined): Promise<vscode.TextDocument | undefined> {
  return uri === undefined ? vscode.window.activeTextEditor?.document : vscode.workspace.openTextDocument(uri);
}
