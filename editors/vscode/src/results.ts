// Runs the server's commands and shows what they answer.
import { randomUUID } from 'node:crypto';
import * as path from 'node:path';
import * as vscode from 'vscode';
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
  if (command === 'torchlean.showGraph') {
    // From a lens or a menu: the graph's page asks the server itself.
    return vscode.commands.executeCommand('torchlean-ls.showGraph', vscode.Uri.parse((args[0] as { uri: string }).uri));
  }
  const params: ExecuteCommandParams = { command, arguments: args };
  const work = { cancelled: false };
  let result: unknown;
  try {
    result = LONG.has(command)
      ? await requestWithProgress(client, params, () => (work.cancelled = true))
      : await client.sendRequest(ExecuteCommandRequest.type, params, CancellationToken.None);
  } catch (error) {
    if (work.cancelled || isCancelled(error)) {
      return undefined;
    }
    client.outputChannel.appendLine(`${command}: ${errorText(error)}`);
    const question = questionOf(error);
    if (question !== undefined) {
      const choice = await vscode.window.showWarningMessage(question.question, { modal: true }, question.accept);
      return choice === question.accept
        ? runCommand(client, command, [{ ...(args[0] as object), ...question.argument }])
        : undefined;
    }
    const input = inputOf(error);
    if (input !== undefined) {
      const value = await askShape(input);
      const { ask: _, ...asked } = args[0] as Record<string, unknown>;
      return value && runCommand(client, command, [{ ...asked, [input.argument]: value }]);
    }
    // Not waited for: a message may stay for as long as the user likes.
    void showError(client, error);
    return undefined;
  }
  void showResult(result);
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
      const answer: unknown = await client.sendRequest(
        ExecuteCommandRequest.type,
        { ...params, workDoneToken },
        CancellationToken.None,
      );
      return answer;
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

const SHOW_OUTPUT = 'Show Output';
const SELECT_INTERPRETER = 'Select Interpreter';
const INSTALL = 'Install';

/** What the server asks before somebody's work is replaced: `data.confirm` of its error. */
interface Question {
  readonly question: string;
  /** Title of the button that goes on. */
  readonly accept: string;
  /** What the command's argument gets besides when the answer is yes. */
  readonly argument: object;
}

/** An interpreter that no work can be done in: `data.interpreter` of the server's error. */
interface Interpreter {
  readonly path: string;
  /** The command that installs what is missing; null where that would not help. */
  readonly install: readonly string[] | null;
}

/** What a command needs to know and cannot find out: `data.input` of the server's error. */
interface Input {
  readonly question: string;
  /** What to propose. */
  readonly value?: string;
  /** The name under which the command's argument gets the answer. */
  readonly argument: string;
}

function dataOf(error: unknown): {
  readonly confirm?: Question;
  readonly interpreter?: Interpreter;
  readonly input?: Input;
} {
  const data: unknown = error instanceof ResponseError ? error.data : undefined;
  return typeof data === 'object' && data !== null ? data : {};
}

function inputOf(error: unknown): Input | undefined {
  const { input } = dataOf(error);
  return typeof input?.question === 'string' && typeof input.argument === 'string' ? input : undefined;
}

/** Asks for an example shape. Undefined when the user left the question unanswered. */
export async function askShape({ question, value }: { question: string; value?: string }): Promise<string | undefined> {
  const shape = await vscode.window.showInputBox({
    title: 'Capture Model',
    prompt: question,
    placeHolder: '1,4',
    ...(value === undefined ? {} : { value }),
    ignoreFocusOut: true,
    validateInput: (text) =>
      /^\d+(\s*,\s*\d+)*$/.test(text.trim()) ? undefined : 'Numbers with commas between them, such as 1,3,32,32',
  });
  return shape?.replaceAll(/\s/g, '');
}

function questionOf(error: unknown): Question | undefined {
  const { confirm } = dataOf(error);
  return typeof confirm?.question === 'string' && typeof confirm.accept === 'string' ? confirm : undefined;
}

async function showError(client: BaseLanguageClient, error: unknown): Promise<void> {
  const { interpreter } = dataOf(error);
  const install = interpreter?.install ?? undefined;
  const buttons = [
    ...(interpreter === undefined ? [] : [SELECT_INTERPRETER]),
    ...(install === undefined ? [] : [INSTALL]),
    SHOW_OUTPUT,
  ];
  const choice = await vscode.window.showErrorMessage(`TorchLean: ${errorText(error)}`, ...buttons);
  if (choice === SHOW_OUTPUT) {
    client.outputChannel.show(true);
  } else if (choice === SELECT_INTERPRETER) {
    await selectInterpreter();
  } else if (choice === INSTALL && install !== undefined) {
    installInTerminal(install);
  }
}

/** Asks for another interpreter: by the Python extension, unless a setting of this one names an interpreter. */
async function selectInterpreter(): Promise<void> {
  const isSet = vscode.workspace.getConfiguration('torchlean').get<string>('python.interpreter', '') !== '';
  if (!isSet && vscode.extensions.getExtension('ms-python.python') !== undefined) {
    await vscode.commands.executeCommand('python.setInterpreter');
  } else {
    await vscode.commands.executeCommand('workbench.action.openSettings', 'torchlean.python.interpreter');
  }
}

/** Types the command into a terminal, where its user sees it, and starts it there or does not. */
function installInTerminal(command: readonly string[]): void {
  const terminal = vscode.window.createTerminal('TorchLean');
  const quoted = command.map((part) => (/^[\w@%+=:,./\\-]+$/.test(part) ? part : `"${part}"`));
  terminal.show();
  terminal.sendText(quoted.join(' '), false);
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
