// The language client: starts the server, carries settings to it, and tells why it could not start.
import type { ChildProcess } from 'node:child_process';
import * as vscode from 'vscode';
import {
  CloseAction,
  DidChangeConfigurationNotification,
  ErrorAction,
  ExecuteCommandRequest,
  LanguageClient,
  ResponseError,
  RevealOutputChannelOn,
  State,
  type ErrorHandler,
  type LanguageClientOptions,
} from 'vscode-languageclient/node';
import { findLaunch, isEnabled, NoServer, startConditions, type Launch } from './launch';
import type { PrivateEnvironment } from './privateEnvironment';
import { ServerProcess } from './process';
import { runCommand } from './results';
import { readSettings } from './settings';
import type { ServerState } from './status';
import { errorText } from './text';
import type { Told } from './training/messages';
import { onDidEndTrainings, trainedNow } from './training/running';
import { TRAINING, trainingTold } from './training/views';
import { Recent, Turns } from './turns';
import { unattended } from './unattended';

export const SELECTOR = [
  { scheme: 'file', language: 'torchlean-ir' },
  { scheme: 'untitled', language: 'torchlean-ir' },
  { scheme: 'file', language: 'json' },
  { scheme: 'file', language: 'python' },
];

/** Times a server that had been running may die within three minutes before it is left alone. */
const MAX_RESTARTS = 4;
const RESTART_WINDOW_MS = 3 * 60 * 1000;
const EXIT_GRACE_MS = 2000;
/** Changes that come together, such as those of two settings files, make one start. */
const REFRESH_PAUSE_MS = 250;

/** A client that keeps its own errors quiet while it starts: `Server` shows one message with the reason instead. */
class QuietClient extends LanguageClient {
  starting = true;

  override error(message: string, data?: unknown, showNotification: boolean | 'force' = true): void {
    if (this.starting) {
      this.outputChannel.debug(data === undefined ? message : `${message}\n${errorText(data)}`);
    } else {
      super.error(message, data, showNotification);
    }
  }
}

/** Why there is no server, for whoever offers what to do about it. */
export interface Failure {
  readonly reason: string;
  /** `missing`: there is none anywhere. `start`: there is one, and it does not start. `crashes`: it ended again and again. */
  readonly kind: 'missing' | 'start' | 'crashes';
}

/** The running server of this window: at most one client at a time, for all of its folders. */
export class Server {
  private readonly states = new vscode.EventEmitter<{ state: ServerState; detail?: string }>();
  private readonly failures = new vscode.EventEmitter<Failure>();
  readonly onDidChangeState = this.states.event;
  readonly onDidFail = this.failures.event;

  private client: QuietClient | undefined;
  private process: ServerProcess | undefined;
  private launched: Launch | undefined;
  /** What the last start depended on: where it is still the same, there is no reason to start anew. */
  private startedWith: string | undefined;
  /** Stopped by its user: only its user starts it again. */
  private halted = false;
  /** Another start is due, as soon as no training runs. */
  private due: vscode.Disposable | undefined;
  private readonly turns = new Turns((error) => this.output.error(errorText(error)));
  private readonly deaths = new Recent(RESTART_WINDOW_MS);

  constructor(
    private readonly output: vscode.LogOutputChannel,
    private readonly trace: vscode.LogOutputChannel,
    private readonly environment: PrivateEnvironment,
  ) {}

  /** The running client. Undefined while the server is down. */
  get running(): LanguageClient | undefined {
    return this.client?.state === State.Running ? this.client : undefined;
  }

  /** What the server answers to a command; nothing of it is shown. Undefined while the server is down. */
  async ask(command: string, argument: Record<string, unknown>): Promise<unknown> {
    await this.settled();
    return this.running?.sendRequest(ExecuteCommandRequest.type, { command, arguments: [argument] });
  }

  /** How the server was started last. */
  get launch(): Launch | undefined {
    return this.launched;
  }

  /** Stops the server if it runs, and starts it with the settings of now. */
  restart(): Promise<void> {
    this.halted = false;
    return this.turns.run('restart', async () => {
      this.deaths.forget();
      await this.stopNow();
      await this.startNow();
    });
  }

  /** Stops the server until its user starts it again. */
  halt(): Promise<void> {
    this.halted = true;
    return this.stop();
  }

  stop(): Promise<void> {
    return this.turns.run('stop', () => this.stopNow());
  }

  /** Resolves when all starts and stops asked for so far are done. */
  settled(): Promise<void> {
    return this.turns.settled();
  }

  /** Settings, trust or the Python environment changed: another server if that changes the command, else nothing. */
  refresh(): Promise<void> {
    const step = async (): Promise<void> => {
      if (this.halted) {
        return;
      }
      if ((await startConditions(this.environment, this.output.logLevel)) === this.startedWith) {
        await this.tellSettings();
      } else if (this.running !== undefined && trainedNow() !== '') {
        await this.tellSettings();
        this.afterTraining();
      } else {
        await this.stopNow();
        await this.startNow();
      }
    };
    return this.turns.run('refresh', step, REFRESH_PAUSE_MS, ['restart']);
  }

  /** A training would end with the server: what changed waits for it, unless its user says otherwise. */
  private afterTraining(): void {
    if (this.due !== undefined) {
      return;
    }
    const due = onDidEndTrainings(() => unattended(this.refresh()));
    this.due = due;
    const now = 'Restart Now';
    const text = `TorchLean: the language server is restarted for this change when the training of ${trainedNow()} is done.`;
    const ask = async (): Promise<void> => {
      if ((await vscode.window.showInformationMessage(text, now)) === now && this.due === due) {
        await this.restart();
      }
    };
    unattended(ask());
  }

  /** Nothing is sent but that there are others: the server asks for those of the window and of each folder. */
  private async tellSettings(): Promise<void> {
    await this.running?.sendNotification(DidChangeConfigurationNotification.type, { settings: null });
  }

  private async startNow(): Promise<void> {
    const failure = await this.start();
    if (failure !== undefined) {
      this.fail(failure);
    }
  }

  /** Starts the server; why it does not run is what is returned. */
  private async start(): Promise<Failure | undefined> {
    this.startedWith = await startConditions(this.environment, this.output.logLevel);
    this.launched = undefined;
    if (!isEnabled()) {
      this.states.fire({ state: 'disabled' });
      return undefined;
    }
    this.states.fire({ state: 'starting' });
    try {
      const launch = await findLaunch(this.environment, this.output.logLevel);
      this.launched = launch;
      const process = await ServerProcess.spawn(launch, this.output);
      this.process = process;
      const client = this.createClient(process);
      this.client = client;
      await Promise.race([client.start(), process.exited.then(() => Promise.reject(process.earlyEnd()))]);
      client.starting = false;
      this.states.fire({ state: 'running', detail: launch.origin });
      return undefined;
    } catch (error) {
      const { client, process } = this;
      this.client = undefined;
      this.process = undefined;
      // A broken pipe is seen before the exit that broke it, but the exit is the reason.
      const ended = process !== undefined && (await process.exitsWithin(EXIT_GRACE_MS / 2));
      process?.kill();
      await client?.dispose().catch(() => undefined);
      const reason = ended ? process.earlyEnd() : error;
      return { reason: errorText(reason), kind: reason instanceof NoServer ? 'missing' : 'start' };
    }
  }

  /** Starts a server that died again, unless it keeps dying. */
  private async revive(dead: QuietClient, end: string): Promise<void> {
    let last: string | undefined = end;
    while (last !== undefined && !this.halted && (this.client === dead || this.client === undefined)) {
      await this.stopNow();
      const deaths = this.deaths.add();
      if (deaths > MAX_RESTARTS) {
        this.fail({ reason: `It stopped ${deaths} times in three minutes. ${last}`, kind: 'crashes' });
        return;
      }
      this.output.warn(`${last} It is started again.`);
      const failure = await this.start();
      last = failure?.kind === 'start' ? failure.reason : undefined;
      if (failure?.kind === 'missing') {
        this.fail(failure);
      }
    }
  }

  private fail(failure: Failure): void {
    this.output.error(`There is no language server. ${failure.reason}`);
    this.states.fire({ state: failure.kind === 'missing' ? 'missing' : 'failed', detail: failure.reason });
    this.failures.fire(failure);
  }

  private async stopNow(): Promise<void> {
    this.due?.dispose();
    this.due = undefined;
    const { client, process } = this;
    this.client = undefined;
    this.process = undefined;
    if (client !== undefined) {
      try {
        await client.dispose();
      } catch (error) {
        this.output.warn(`While stopping: ${errorText(error)}`);
      }
    }
    if (process !== undefined && !(await process.exitsWithin(EXIT_GRACE_MS))) {
      this.output.warn('The language server did not exit; killed.');
      process.kill();
    }
    this.states.fire({ state: 'stopped' });
  }

  private createClient(process: ServerProcess): QuietClient {
    const options: LanguageClientOptions = {
      documentSelector: SELECTOR,
      outputChannel: this.output,
      traceOutputChannel: this.trace,
      revealOutputChannelOn: RevealOutputChannelOn.Never,
      initializationOptions: { trusted: vscode.workspace.isTrusted, confirms: true, forms: true, training: true },
      diagnosticPullOptions: { onChange: true, onSave: true },
      initializationFailedHandler: () => false,
      errorHandler: this.errorHandler(),
      stdioOptions: { stdout: () => undefined, stderr: () => undefined },
      middleware: {
        executeCommand: async (command, args) => {
          await this.settled(); // settings of now count, also where they were changed a moment ago
          return runCommand(this.running ?? client, command, args);
        },
        workspace: {
          didChangeConfiguration: () => this.refresh(),
          configuration: async (params, token, next) => {
            const values: unknown[] | ResponseError = await next(params, token);
            if (values instanceof ResponseError) {
              return values;
            }
            return Promise.all(
              params.items.map((item, index) =>
                item.section === 'torchlean'
                  ? readSettings(item.scopeUri === undefined ? undefined : vscode.Uri.parse(item.scopeUri))
                  : values[index],
              ),
            );
          },
        },
      },
    };
    const serverOptions = (): Promise<ChildProcess> => Promise.resolve(process.child);
    const client = new QuietClient('torchlean', 'TorchLean', serverOptions, options);
    client.onNotification(TRAINING, (told: Told) => trainingTold(told));
    return client;
  }

  private errorHandler(): ErrorHandler {
    return {
      // A pipe that is broken is closed next, and that says what happened: nothing is done before.
      error: () => ({ action: ErrorAction.Continue, handled: true }),
      closed: async () => {
        const { client, process } = this;
        if (client !== undefined && !client.starting) {
          // The last words of the process, if it has ended: the connection is closed a moment before.
          const ended = process !== undefined && (await process.exitsWithin(EXIT_GRACE_MS));
          const end = ended ? `It ${process.end}` : 'It closed the connection.';
          // After the client has let go. It would start the server again by itself, but tell a failure of that in its own words.
          setImmediate(() => unattended(this.turns.run('revive', () => this.revive(client, end))));
        }
        return { action: CloseAction.DoNotRestart, handled: true, message: 'The language server stopped.' };
      },
    };
  }
}
