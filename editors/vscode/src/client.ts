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
import { findLaunch, isEnabled, startConditions, type Launch } from './launch';
import { ServerProcess } from './process';
import { errorText, runCommand } from './results';
import { readSettings } from './settings';
import type { ServerState } from './status';

const SELECTOR = [
  { scheme: 'file', language: 'torchlean-ir' },
  { scheme: 'untitled', language: 'torchlean-ir' },
  { scheme: 'file', language: 'json' },
  { scheme: 'file', language: 'python' },
];

/** Times a server that had been running may die within three minutes before it is left alone. */
const MAX_RESTARTS = 4;
const RESTART_WINDOW_MS = 3 * 60 * 1000;
const EXIT_GRACE_MS = 2000;

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

/** The running server of this window: at most one client at a time. */
export class Server implements vscode.Disposable {
  private readonly states = new vscode.EventEmitter<{ state: ServerState; detail?: string }>();
  readonly onDidChangeState = this.states.event;

  private client: QuietClient | undefined;
  private process: ServerProcess | undefined;
  /** What the last start depended on: where it is still the same, there is no reason to start anew. */
  private startedWith: string | undefined;
  /** Starts and stops follow one another, in the order in which they were asked for. */
  private queue: Promise<void> = Promise.resolve();

  constructor(private readonly output: vscode.LogOutputChannel) {}

  /** The running client. Undefined while the server is down. */
  get running(): LanguageClient | undefined {
    return this.client?.state === State.Running ? this.client : undefined;
  }

  /** What the server answers to a command; nothing of it is shown. Undefined while the server is down. */
  async ask(command: string, argument: Record<string, unknown>): Promise<unknown> {
    await this.settled();
    return this.running?.sendRequest(ExecuteCommandRequest.type, { command, arguments: [argument] });
  }

  /** Stops the server if it runs, and starts it with the settings of now. */
  restart(): Promise<void> {
    return this.enqueue(async () => {
      await this.stopNow();
      await this.startNow();
    });
  }

  stop(): Promise<void> {
    return this.enqueue(() => this.stopNow());
  }

  /** Resolves when all starts and stops asked for so far are done. */
  settled(): Promise<void> {
    return this.queue;
  }

  /** Settings, trust or the Python environment changed: another server if that changes the command, else nothing. */
  refresh(): Promise<void> {
    return this.enqueue(async () => {
      if ((await startConditions()) === this.startedWith) {
        await this.sendSettings();
      } else {
        await this.stopNow();
        await this.startNow();
      }
    });
  }

  private async sendSettings(): Promise<void> {
    const settings = { torchlean: await readSettings() };
    await this.running?.sendNotification(DidChangeConfigurationNotification.type, { settings });
  }

  dispose(): void {
    void this.stop();
    this.states.dispose();
  }

  private enqueue(step: () => Promise<void>): Promise<void> {
    this.queue = this.queue.then(step).catch((error: unknown) => this.output.error(errorText(error)));
    return this.queue;
  }

  private async startNow(): Promise<void> {
    this.startedWith = await startConditions();
    if (!isEnabled()) {
      this.states.fire({ state: 'disabled' });
      return;
    }
    this.states.fire({ state: 'starting' });
    try {
      const launch = await findLaunch();
      const process = await ServerProcess.spawn(launch, this.output);
      this.process = process;
      const client = this.createClient(launch, process);
      this.client = client;
      await Promise.race([client.start(), process.exited.then(() => Promise.reject(process.earlyEnd()))]);
      client.starting = false;
      this.states.fire({ state: 'running', detail: launch.program });
    } catch (error) {
      const { client, process } = this;
      this.client = undefined;
      this.process = undefined;
      // A broken pipe is seen before the exit that broke it, but the exit is the reason.
      const ended = process !== undefined && (await process.exitsWithin(EXIT_GRACE_MS / 2));
      process?.kill();
      await client?.dispose().catch(() => undefined);
      this.startFailed(ended ? process.earlyEnd() : error);
    }
  }

  private startFailed(error: unknown): void {
    const reason = errorText(error);
    this.output.error(`The language server did not start. ${reason}`);
    this.states.fire({ state: 'failed', detail: reason });
    void vscode.window
      .showErrorMessage(`TorchLean's language server did not start. ${reason}`, 'Show Output', 'Open Settings')
      .then((choice) => {
        if (choice === 'Show Output') {
          this.output.show(true);
        } else if (choice === 'Open Settings') {
          void vscode.commands.executeCommand('workbench.action.openSettings', 'torchlean.server.path');
        }
      });
  }

  private async stopNow(): Promise<void> {
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

  private createClient(launch: Launch, first: ServerProcess): QuietClient {
    let started: ServerProcess | undefined = first;
    const options: LanguageClientOptions = {
      documentSelector: SELECTOR,
      outputChannel: this.output,
      revealOutputChannelOn: RevealOutputChannelOn.Never,
      initializationOptions: { trusted: vscode.workspace.isTrusted, confirms: true },
      diagnosticPullOptions: { onChange: true, onSave: true },
      initializationFailedHandler: () => false,
      errorHandler: this.errorHandler(),
      stdioOptions: { stdout: () => undefined, stderr: () => undefined },
      middleware: {
        executeCommand: (command, args) => runCommand(client, command, args),
        workspace: {
          didChangeConfiguration: () => this.enqueue(() => this.sendSettings()),
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
    const serverOptions = async (): Promise<ChildProcess> => {
      // The first process exists already; after a crash the client asks for another one.
      const process = started ?? (await ServerProcess.spawn(launch, this.output));
      started = undefined;
      this.process = process;
      return process.child;
    };
    const client = new QuietClient('torchlean', 'TorchLean', serverOptions, options);
    client.onDidChangeState(({ newState }) => {
      if (client.starting || this.client !== client) {
        return;
      }
      if (newState === State.Running) {
        this.states.fire({ state: 'running', detail: launch.program });
      } else if (newState === State.Starting) {
        this.states.fire({ state: 'starting' });
      } else {
        this.states.fire({ state: 'stopped' });
      }
    });
    return client;
  }

  private errorHandler(): ErrorHandler {
    const deaths: number[] = [];
    return {
      error: (_error, _message, count) => {
        const starting = this.client === undefined || this.client.starting;
        const go = starting || (count !== undefined && count <= 3);
        return { action: go ? ErrorAction.Continue : ErrorAction.Shutdown, handled: go };
      },
      closed: () => {
        if (this.client === undefined || this.client.starting) {
          return { action: CloseAction.DoNotRestart, handled: true };
        }
        const now = Date.now();
        deaths.push(now);
        const recent = deaths.filter((time) => now - time < RESTART_WINDOW_MS).length;
        if (recent <= MAX_RESTARTS) {
          return { action: CloseAction.Restart, message: 'The language server stopped. It is started again.' };
        }
        return {
          action: CloseAction.DoNotRestart,
          message: `TorchLean's language server stopped ${recent} times in three minutes. It is not started again; "TorchLean: Restart Language Server" does.`,
        };
      },
    };
  }
}
