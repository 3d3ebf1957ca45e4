// Runs the server's commands and shows what they answer.
import { randomUUID } from 'node:crypto';
import * as path from 'node:path';
import * as vscode from 'vscode';
import { isGraph, showGraph } from './graph';
import {
  CancellationToken,
  ExecuteCommandRequest,
  LSPErrorCodes,
  ResponseError,
  WorkDoneProgress,
  WorkDoneProgressCancelNotification,
  type BaseLanguageClient,
  type ExecuteCommandParams,
} from 'vscode-languageclient/node';

/** What a command of the server may answer. */
interface CommandResult {
  /** A sentence for the user. */
  readonly message?: string;
  /** The file that was written: a path or a URI. */
  readonly output?: string;
}

/** Nothing that an editor shows. */
const BINARY = /\.(safetensors|pt|pth|npy|npz)$/i;

/** Commands that may run for minutes: their progress is a notification with a button to cancel, not a word in the status bar. */
const LONG = new Set(['torchlean.capture', 'torchlean.train']);

/** Executes a command of the server; its answer, or its error, is shown to the user. */
export async function runCommand(client: BaseLanguageClient, command: string, args: unknown[]): Promise<unknown> {
  const params: ExecuteCommandParams = { command, arguments: args };
  let cancelled = false;
  let result: unknown;
  try {
    result = LONG.has(command)
      ? await requestWithProgress(client, params, () => (cancelled = true))
      : await client.sendRequest(ExecuteCommandRequest.type, params, CancellationToken.None);
  } catch (error) {
    if (cancelled || isCancelled(error)) {
      return undefined;
    }
    client.outputChannel.appendLine(`${command}: ${errorText(error)}`);
    // Not waited for: a message may stay for as long as the user likes.
    void showError(client, error, args).then((choice) =>
      choice === REPLACE ? runCommand(client, command, [{ ...(args[0] as object), force: true }]) : undefined,
    );
    return undefined;
  }
  if (isGraph(result)) {
    showGraph(result);
  } else {
    void showResult(result);
  }
  return result;
}

function requestWithProgress(
  client: BaseLanguageClient,
  params: ExecuteCommandParams,
  onCancel: () => void,
): Thenable<unknown> {
  const workDoneToken = randomUUID();
  const options = { location: vscode.ProgressLocation.Notification, title: 'TorchLean', cancellable: true };
  return vscode.window.withProgress(options, async (progress, cancellation) => {
    let title = '';
    let percentage = 0;
    const listener = client.onProgress(WorkDoneProgress.type, workDoneToken, (value) => {
      if (value.kind === 'begin') {
        title = value.title;
      }
      if (value.kind !== 'end') {
        const reached = Math.max(percentage, value.percentage ?? 0);
        const message = [title, value.message].filter(Boolean).join(': ');
        progress.report({ message, increment: reached - percentage });
        percentage = reached;
      }
    });
    cancellation.onCancellationRequested(() => {
      onCancel();
      void client.sendNotification(WorkDoneProgressCancelNotification.type, { token: workDoneToken });
    });
    try {
      return await client.sendRequest(ExecuteCommandRequest.type, { ...params, workDoneToken }, CancellationToken.None);
    } finally {
      listener.dispose();
    }
  });
}

function isCancelled(error: unknown): boolean {
  return (
    error instanceof vscode.CancellationError ||
    (error instanceof ResponseError &&
      (error.code === LSPErrorCodes.RequestCancelled || error.code === LSPErrorCodes.ServerCancelled))
  );
}

const REPLACE = 'Replace';
const SHOW_OUTPUT = 'Show Output';

async function showError(client: BaseLanguageClient, error: unknown, args: unknown[]): Promise<string | undefined> {
  const text = errorText(error);
  const buttons = wouldReplace(text, args) ? [REPLACE, SHOW_OUTPUT] : [SHOW_OUTPUT];
  const choice = await vscode.window.showErrorMessage(`TorchLean: ${text}`, ...buttons);
  if (choice === SHOW_OUTPUT) {
    client.outputChannel.show(true);
  }
  return choice;
}

/** The server keeps what it did not make itself, and names the command line's option that replaces it. */
function wouldReplace(text: string, args: unknown[]): boolean {
  const argument = args[0];
  return /--force\b/.test(text) && typeof argument === 'object' && argument !== null && !('force' in argument);
}

async function showResult(result: unknown): Promise<void> {
  if (typeof result !== 'object' || result === null) {
    return;
  }
  const { message, output } = result as CommandResult;
  const file = typeof output === 'string' && output !== '' ? outputUri(output) : undefined;
  const text = resultText(message, file === undefined ? undefined : path.basename(file.fsPath));
  if (text === undefined) {
    return;
  }
  const buttons = file === undefined || BINARY.test(file.path) ? [] : ['Open'];
  const choice = await vscode.window.showInformationMessage(`TorchLean: ${text}`, ...buttons);
  if (choice === 'Open' && file !== undefined) {
    await vscode.commands.executeCommand('vscode.open', file);
  }
}

/** Every message names the file: several may be shown at once. */
function resultText(message: unknown, file: string | undefined): string | undefined {
  if (typeof message !== 'string' || message === '') {
    return file && `wrote ${file}`;
  }
  return file === undefined || message.includes(file) ? message : `${file}: ${message}`;
}

/** A drive letter is no scheme: `C:\m.py` is a path. */
export function outputUri(output: string): vscode.Uri {
  return /^[A-Za-z][\w+.-]+:/.test(output) ? vscode.Uri.parse(output, true) : vscode.Uri.file(output);
}

export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
