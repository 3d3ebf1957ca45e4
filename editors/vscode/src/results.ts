// Runs the server's commands and shows what they answer.
import { randomUUID } from 'node:crypto';
import * as path from 'node:path';
import * as vscode from 'vscode';
import {
  CancellationToken,
  ErrorCodes,
  ExecuteCommandRequest,
  LSPErrorCodes,
  ResponseError,
  WorkDoneProgress,
  WorkDoneProgressCancelNotification,
  type BaseLanguageClient,
  type ExecuteCommandParams,
} from 'vscode-languageclient/node';
import { answered, CANCELLED, dataOf, type Argument } from './asking';
import { errorText, oneLine } from './text';
import { begun } from './training/views';
import { unattended } from './unattended';

/** What a command of the server may answer. */
interface CommandResult {
  /** A sentence for the user. */
  readonly message?: string;
  /** All of it, for the log. */
  readonly detail?: string;
  /** The file that was written: a path or a URI. */
  readonly output?: string;
}

/** Nothing that an editor shows. */
const BINARY = /\.(safetensors|pt|pth|npy|npz)$/i;

const TRAIN = 'torchlean.train';

/** Commands that may run for minutes: their progress is a notification with a button to cancel, not a word in the status bar. */
const LONG = new Set(['torchlean.capture', 'torchlean.captureAndEmit', TRAIN]);

/** Executes a command of the server; its answer, or its error, is shown to the user, and what it asks is asked. */
export async function runCommand(client: BaseLanguageClient, command: string, args: unknown[]): Promise<unknown> {
  if (command === 'torchlean.showGraph') {
    // From a lens or a menu: the graph's page asks the server itself.
    return vscode.commands.executeCommand('torchlean-ls.showGraph', vscode.Uri.parse((args[0] as { uri: string }).uri));
  }
  let argument = (args[0] ?? {}) as Argument;
  for (;;) {
    const params: ExecuteCommandParams = { command, arguments: args.length === 0 ? [] : [argument] };
    const work = { cancelled: false };
    try {
      const result: unknown = LONG.has(command) && argument.ask !== true
        ? await requestWithProgress(client, params, () => (work.cancelled = true))
        : await client.sendRequest(ExecuteCommandRequest.type, params, CancellationToken.None);
      show(client, command, argument, result);
      did(command);
      return result;
    } catch (error) {
      if (work.cancelled || isCancelled(error)) {
        return undefined;
      }
      client.outputChannel.appendLine(`${command}: ${dataOf(error).detail ?? errorText(error)}`);
      const next = await answered(client, argument, error);
      if (next === CANCELLED) {
        return undefined;
      }
      if (next === undefined) {
        // Not waited for: a message may stay for as long as the user likes.
        unattended(showError(client, error, command, argument));
        return undefined;
      }
      argument = next;
    }
  }
}

/** Tells the walkthrough that something was done, from wherever it was asked for. */
function did(command: string): void {
  unattended(vscode.commands.executeCommand('setContext', `torchlean-ls.did.${command.replace(/^torchlean\./, '')}`, true));
}

/** A training is told by its page as soon as that is there: then the status bar says for how long it goes on. */
async function requestWithProgress(
  client: BaseLanguageClient,
  params: ExecuteCommandParams,
  onCancel: () => void,
): Promise<unknown> {
  const workDoneToken = randomUUID();
  const result = client.sendRequest(ExecuteCommandRequest.type, { ...params, workDoneToken }, CancellationToken.None);
  const isTraining = params.command === TRAIN;
  const [argument] = (params.arguments ?? []) as Argument[];
  const progress = { token: workDoneToken, title: '' };
  const told = isTraining ? Promise.race([result, begun(String(argument?.uri))]) : result;
  await withProgress(client, progress, vscode.ProgressLocation.Notification, told, onCancel);
  if (isTraining) {
    await withProgress(client, progress, vscode.ProgressLocation.Window, result, onCancel);
  }
  return result;
}

function withProgress(
  client: BaseLanguageClient,
  work: { readonly token: string; title: string },
  location: vscode.ProgressLocation,
  until: Promise<unknown>,
  onCancel: () => void,
): Thenable<unknown> {
  const options = { location, title: 'TorchLean', cancellable: true };
  return vscode.window.withProgress(options, async (progress, cancellation) => {
    let percentage = 0;
    const listener = client.onProgress(WorkDoneProgress.type, work.token, (value) => {
      if (value.kind === 'begin') {
        work.title = value.title;
      }
      if (value.kind !== 'end') {
        const reached = Math.max(percentage, value.percentage ?? 0);
        const message = [work.title, value.message].filter(Boolean).join(': ');
        progress.report({ message, increment: reached - percentage });
        percentage = reached;
      }
    });
    cancellation.onCancellationRequested(() => {
      onCancel();
      unattended(client.sendNotification(WorkDoneProgressCancelNotification.type, { token: work.token }));
    });
    try {
      return await until;
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

/** Something that a message offers to do. */
interface Offer {
  readonly title: string;
  readonly run: () => unknown;
}

async function offer(chosen: Thenable<string | undefined>, offers: readonly Offer[]): Promise<void> {
  const title = await chosen;
  await offers.find((one) => one.title === title)?.run();
}

function showError(client: BaseLanguageClient, error: unknown, command: string, argument: Argument): Promise<void> {
  const { interpreter, problems, trust, offer: help } = dataOf(error);
  const install = interpreter?.install ?? undefined;
  const offers = [
    ...(help === undefined ? [] : [{ title: help.title, run: () => afterHelp(client, help.command, command, argument) }]),
    ...(interpreter === undefined ? [] : [{ title: 'Select Interpreter', run: selectInterpreter }]),
    ...(install === undefined ? [] : [{ title: 'Install', run: () => installInTerminal(install) }]),
    ...(trust === true
      ? [{ title: 'Manage Trust', run: () => vscode.commands.executeCommand('workbench.trust.manage') }]
      : []),
    problems === true
      ? { title: 'Show in Problems', run: () => vscode.commands.executeCommand('workbench.actions.view.problems') }
      : { title: 'Show Output', run: () => client.outputChannel.show(true) },
  ];
  const titles = offers.map(({ title }) => title);
  const isCutOff = error instanceof ResponseError && error.code === ErrorCodes.PendingResponseRejected;
  const text = isCutOff ? 'the language server ended before this was done.' : oneLine(errorText(error));
  return offer(vscode.window.showErrorMessage(`TorchLean: ${text}`, ...titles), offers);
}

/** Does what helps, and then what was wanted; where the help fails, or a question of it is left open, that is the end. */
async function afterHelp(client: BaseLanguageClient, help: string, command: string, argument: Argument): Promise<void> {
  if ((await runCommand(client, help, [{ uri: argument.uri }])) !== undefined) {
    await runCommand(client, command, [argument]);
  }
}

async function selectInterpreter(): Promise<void> {
  await vscode.commands.executeCommand('torchlean-ls.selectInterpreter');
}

/** Types the command into a terminal, where its user sees it, and starts it there or does not. */
function installInTerminal(command: readonly string[]): void {
  const terminal = vscode.window.createTerminal('TorchLean');
  const quoted = command.map((part) => (/^[\w@%+=:,./\\-]+$/.test(part) ? part : `"${part}"`));
  terminal.show();
  terminal.sendText(quoted.join(' '), false);
}

function show(client: BaseLanguageClient, command: string, argument: Argument, result: unknown): void {
  if (typeof result !== 'object' || result === null) {
    return;
  }
  const { message, detail, output } = result as CommandResult;
  if (typeof detail === 'string') {
    client.outputChannel.appendLine(`${command}: ${detail}`);
  }
  const file = typeof output === 'string' && output !== '' ? outputUri(output) : undefined;
  // A training is of the artifact, whatever its parameters are called.
  const about = command === TRAIN ? vscode.Uri.parse(String(argument.uri)) : file;
  const text = resultText(message, about === undefined ? undefined : path.posix.basename(about.path));
  if (text === undefined) {
    return;
  }
  const offers: Offer[] =
    command === TRAIN && about !== undefined ? afterTraining(client, about) : opening(file);
  const titles = offers.map(({ title }) => title);
  unattended(offer(vscode.window.showInformationMessage(`TorchLean: ${oneLine(text)}`, ...titles), offers));
}

function afterTraining(client: BaseLanguageClient, artifact: vscode.Uri): Offer[] {
  const argument = { uri: artifact.toString() };
  return [
    { title: 'Open Curve', run: () => vscode.commands.executeCommand('torchlean-ls.showTraining', artifact) },
    { title: 'Use These Parameters', run: () => runCommand(client, 'torchlean.useParams', [argument]) },
  ];
}

function opening(file: vscode.Uri | undefined): Offer[] {
  if (file === undefined || BINARY.test(file.path)) {
    return [];
  }
  return [{ title: 'Open', run: () => vscode.commands.executeCommand('vscode.open', file) }];
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
