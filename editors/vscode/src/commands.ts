// The commands of the palette. Each asks for what is missing and executes a command of the server.
import * as vscode from 'vscode';
import type { Server } from './client';
import { runCommand } from './results';

/** Registers every contributed command except showing the output, which needs no server. */
export function registerCommands(server: Server): vscode.Disposable[] {
  const register = (name: string, run: (uri?: vscode.Uri) => Promise<unknown>): vscode.Disposable =>
    vscode.commands.registerCommand(`torchlean-ls.${name}`, (uri: unknown) =>
      run(uri instanceof vscode.Uri ? uri : undefined),
    );
  return [
    register('emit', async (uri) => onDocument(server, 'torchlean.emit', uri)),
    register('refresh', async (uri) => onDocument(server, 'torchlean.refresh', uri)),
    register('check', async (uri) => onOpenText(server, 'torchlean.check', uri)),
    register('init', async (uri) => onDocument(server, 'torchlean.init', uri)),
    register('capture', async (uri) => onDocument(server, 'torchlean.capture', uri, askCapture)),
    register('train', async (uri) => onDocument(server, 'torchlean.train', uri, askTraining)),
    register('convert', async (uri) => onDocument(server, 'torchlean.convert', uri)),
    register('stop', async (uri) => stopWork(server, uri)),
    register('restart', () => server.restart()),
  ];
}

/** What is sent beside the URI; undefined when the user left a question unanswered. */
type Ask = (document: vscode.TextDocument) => Promise<Record<string, unknown> | undefined>;

async function onDocument(server: Server, command: string, uri: vscode.Uri | undefined, ask?: Ask): Promise<unknown> {
  const document = await target(uri);
  if (document === undefined) {
    void vscode.window.showErrorMessage('TorchLean: open the file that the command is for first.');
    return undefined;
  }
  const extra = ask === undefined ? {} : await ask(document);
  if (extra === undefined) {
    return undefined;
  }
  // Hashes, workers and generated files all speak of the file on disk.
  if ((document.isDirty || document.isUntitled) && !(await document.save())) {
    void vscode.window.showErrorMessage('TorchLean: the file has to be saved first.');
    return undefined;
  }
  const saved = document.isUntitled ? vscode.window.activeTextEditor?.document.uri : document.uri;
  return execute(server, command, { uri: (saved ?? document.uri).toString(), ...extra });
}

/** A command about the text as it is in the editor, saved or not. */
async function onOpenText(server: Server, command: string, uri: vscode.Uri | undefined): Promise<unknown> {
  const document = await target(uri);
  return document && execute(server, command, { uri: document.uri.toString() });
}

async function stopWork(server: Server, uri: vscode.Uri | undefined): Promise<unknown> {
  const document = await target(uri);
  return document && execute(server, 'torchlean.stop', { uri: document.uri.toString() });
}

async function execute(server: Server, command: string, argument: Record<string, unknown>): Promise<unknown> {
  await server.settled();
  const client = server.running;
  if (client === undefined) {
    void vscode.window
      .showErrorMessage("TorchLean's language server is not running.", 'Restart', 'Show Output')
      .then((choice) => {
        if (choice !== undefined) {
          void vscode.commands.executeCommand(`torchlean-ls.${choice === 'Restart' ? 'restart' : 'showOutput'}`);
        }
      });
    return undefined;
  }
  return runCommand(client, command, [argument]);
}

async function target(uri: vscode.Uri | undefined): Promise<vscode.TextDocument | undefined> {
  return uri === undefined ? vscode.window.activeTextEditor?.document : vscode.workspace.openTextDocument(uri);
}

async function askCapture(document: vscode.TextDocument): Promise<Record<string, unknown> | undefined> {
  const name = await vscode.window.showInputBox({
    title: 'Capture Model (1/2)',
    prompt: 'The class, or a function without arguments that makes the model',
    value: nearestClass(document) ?? '',
    ignoreFocusOut: true,
    validateInput: (value) => (/^[\p{L}_][\p{L}\p{N}_.]*$/u.test(value.trim()) ? undefined : 'A Python name, such as MyModel'),
  });
  if (name === undefined) {
    return undefined;
  }
  const shape = await vscode.window.showInputBox({
    title: 'Capture Model (2/2)',
    prompt: 'The shape of an example input. Empty: the one in the file or in torchlean.toml',
    placeHolder: '1,4',
    ignoreFocusOut: true,
    validateInput: (value) =>
      /^(\d+(\s*,\s*\d+)*)?$/.test(value.trim()) ? undefined : 'Numbers with commas between them, such as 1,3,32,32',
  });
  if (shape === undefined) {
    return undefined;
  }
  const exampleShape = shape.replaceAll(/\s/g, '');
  return { name: name.trim(), ...(exampleShape === '' ? {} : { exampleShape }) };
}

/** The nn.Module class at or above the cursor, else the first one. */
export function nearestClass(document: vscode.TextDocument): string | undefined {
  const line = vscode.window.activeTextEditor?.document === document ? vscode.window.activeTextEditor.selection.active.line : 0;
  const classes = [...document.getText().matchAll(/^class\s+([\p{L}_][\p{L}\p{N}_]*)\s*\([^)]*\bModule\b[^)]*\)/gmu)];
  const above = classes.filter((match) => document.positionAt(match.index).line <= line);
  return (above.at(-1) ?? classes[0])?.[1];
}

async function askTraining(): Promise<Record<string, unknown> | undefined> {
  const steps = await vscode.window.showInputBox({
    title: 'Train',
    prompt: 'Number of steps',
    value: '200',
    ignoreFocusOut: true,
    validateInput: (value) => (/^[1-9]\d*$/.test(value.trim()) ? undefined : 'A number greater than 0'),
  });
  return steps === undefined ? undefined : { steps: Number(steps) };
}
