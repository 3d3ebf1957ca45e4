// Wires the server, the commands, the status items and the settings together.
import * as vscode from 'vscode';
import { Server, type Failure } from './client';
import { registerCommands } from './commands';
import { Contexts } from './contexts';
import { debugInformation } from './debugInformation';
import { Doctor } from './doctor';
import { createExampleModel } from './exampleModel';
import { Graphs } from './graph/graphs';
import { LanguageStatus } from './languageStatus';
import { homeAsTilde } from './places';
import { showMenu, showVersions } from './menu';
import { PrivateEnvironment } from './privateEnvironment';
import { onDidChangeInterpreter } from './python';
import { selectInterpreter } from './selectInterpreter';
import { recipe, setUp } from './setUp';
import { StatusItem } from './status';
import { errorText } from './text';
import { TraceChannel } from './trace';
import { mayEnd } from './training/running';
import { trainingsUnder } from './training/views';
import { tellTo, unattended } from './unattended';

/** Settings that decide which process runs. The client sends all others to it. */
const START_SETTINGS = ['torchlean.enable', 'torchlean.server.path', 'torchlean.python.interpreter'];

let server: Server | undefined;

export function activate(context: vscode.ExtensionContext): void {
  const { version } = context.extension.packageJSON as { version: string };
  const output = vscode.window.createOutputChannel('TorchLean', { log: true });
  tellTo(output);
  const trace = new TraceChannel();
  const environment = new PrivateEnvironment(context.globalStorageUri.fsPath, (line) => output.info(line));
  const status = new StatusItem('torchlean-ls.menu');
  const languageStatus = new LanguageStatus(version);
  const contexts = new Contexts();
  const doctor = new Doctor();
  const current = new Server(output, trace, environment);
  const graphs = new Graphs(context.extensionUri, (command, argument) => current.ask(command, argument));
  server = current;

  const refresh = (): void => {
    unattended(current.refresh());
    unattended(languageStatus.update());
  };
  const watchInterpreters = async (): Promise<void> => {
    context.subscriptions.push(await onDidChangeInterpreter(refresh));
  };
  const setUpServer = async (): Promise<void> => {
    if (await setUp(context, environment, output)) {
      await current.restart();
    }
  };

  const commands: Record<string, () => unknown> = {
    menu: () => showMenu(current, version),
    versions: () => showVersions(current, version),
    doctor: () => {
      if (current.launch === undefined) {
        throw new Error('there is no server that could be asked; set one up first.');
      }
      return doctor.show(current.launch);
    },
    showOutput: () => output.show(true),
    showTrace: () => showTrace(trace),
    copyDebugInformation: async () => {
      await vscode.env.clipboard.writeText(await debugInformation(current, context.extension));
      unattended(vscode.window.showInformationMessage('TorchLean: the debug information is in the clipboard.'));
    },
    selectInterpreter: () => selectInterpreter(),
    stopServer: async () => (await mayEnd('Stop Server')) && current.halt(),
    setUp: () => setUpServer(),
    exampleModel: () => createExampleModel(),
    walkthrough: () =>
      vscode.commands.executeCommand('workbench.action.openWalkthrough', `${context.extension.id}#start`, false),
  };

  context.subscriptions.push(
    output,
    trace,
    status,
    languageStatus,
    contexts,
    doctor,
    current.onDidChangeState(({ state, detail }) => {
      status.show(state, detail);
      languageStatus.show(state, detail);
      contexts.show(state);
      if (state === 'running') {
        graphs.refresh();
      }
      trainingsUnder(state);
    }),
    current.onDidFail((failure) => unattended(offer(failure))),
    ...Object.entries(commands).map(([name, run]) => vscode.commands.registerCommand(`torchlean-ls.${name}`, telling(run))),
    ...registerCommands(current, context),
    graphs.register(),
    output.onDidChangeLogLevel(refresh),
    vscode.workspace.onDidChangeWorkspaceFolders(refresh),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (START_SETTINGS.some((setting) => event.affectsConfiguration(setting))) {
        refresh();
      }
    }),
    vscode.workspace.onDidGrantWorkspaceTrust(() => {
      refresh();
      unattended(watchInterpreters());
    }),
  );

  // Nothing is waited for: the editor goes on while the server starts.
  const begin = async (): Promise<void> => {
    await environment.tidy();
    await current.restart();
    await watchInterpreters();
    if (await renew(context, environment, output, current)) {
      await current.refresh();
    }
  };
  unattended(begin());
}

export async function deactivate(): Promise<void> {
  await server?.stop();
}

/**
 * Makes the extension's own environment again where it serves and was made for another version of the extension, or from elsewhere.
 * The old one serves meanwhile, and on where that fails, which its user is told. Whether there is another one now.
 */
async function renew(
  context: vscode.ExtensionContext,
  environment: PrivateEnvironment,
  output: vscode.LogOutputChannel,
  { launch }: Server,
): Promise<boolean> {
  const { interpreter, requirement } = environment;
  const serves = interpreter !== undefined && launch?.program === interpreter;
  return serves && requirement !== (await recipe(context)).requirement && setUp(context, environment, output);
}

/** A command that fails says so in the extension's own words. */
function telling(run: () => unknown): () => Promise<void> {
  return async () => {
    try {
      await run();
    } catch (error) {
      unattended(vscode.window.showErrorMessage(`TorchLean: ${homeAsTilde(errorText(error))}`));
    }
  };
}

interface Button extends vscode.MessageItem {
  readonly command: string;
  readonly args?: readonly unknown[];
}

const RETRY: Button = { title: 'Retry', command: 'torchlean-ls.restart' };
const SHOW_OUTPUT: Button = { title: 'Show Output', command: 'torchlean-ls.showOutput' };
const SELECT: Button = { title: 'Select Interpreter', command: 'torchlean-ls.selectInterpreter' };

/** What can be done about a server that is not there. */
const OFFERS: Readonly<Record<Failure['kind'], readonly Button[]>> = {
  missing: [{ title: 'Set Up for Me', command: 'torchlean-ls.setUp' }, SELECT, RETRY],
  start: [
    RETRY,
    SHOW_OUTPUT,
    { title: 'Open Settings', command: 'workbench.action.openSettings', args: ['torchlean.server.path'] },
  ],
  crashes: [
    { ...RETRY, title: 'Restart' },
    SHOW_OUTPUT,
    { title: 'Copy Debug Information', command: 'torchlean-ls.copyDebugInformation' },
  ],
};

const WORDS: Readonly<Record<Failure['kind'], string>> = {
  missing: '',
  start: "TorchLean's language server did not start. ",
  crashes: "TorchLean's language server is down. ",
};

async function offer({ kind, reason }: Failure): Promise<void> {
  const text = WORDS[kind] + reason;
  const choice = await (kind === 'missing'
    ? vscode.window.showWarningMessage(text, ...OFFERS[kind])
    : vscode.window.showErrorMessage(text, ...OFFERS[kind]));
  if (choice !== undefined) {
    await vscode.commands.executeCommand(choice.command, ...(choice.args ?? []));
  }
}

/** Shows the trace; where it is switched off, offers to switch it on. */
async function showTrace(trace: TraceChannel): Promise<void> {
  trace.show(true);
  if (trace.logLevel === vscode.LogLevel.Off) {
    const choice = await vscode.window.showInformationMessage('TorchLean: the trace is switched off.', 'Trace Messages');
    if (choice !== undefined) {
      await vscode.workspace.getConfiguration('torchlean').update('trace.server', 'messages', vscode.ConfigurationTarget.Global);
    }
  }
}
