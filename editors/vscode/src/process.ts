// The server's process: its log lines, and how it ended.
import * as cp from 'node:child_process';
import type * as vscode from 'vscode';
import { commandLine, LaunchError, type Launch } from './launch';
import { homeAsTilde } from './places';
import { ServerLog } from './log';
import { byLine } from './programs';
import { unattended } from './unattended';

export class ServerProcess {
  /** Resolves when the process has ended and its last log line has been read. */
  readonly exited: Promise<void>;
  private readonly log: ServerLog;

  private constructor(
    readonly child: cp.ChildProcessWithoutNullStreams,
    private readonly launch: Launch,
    output: vscode.LogOutputChannel,
  ) {
    this.exited = new Promise((resolve) => child.once('close', () => resolve()));
    this.log = new ServerLog(output);
    byLine(child.stderr, (line) => this.log.write(line));
  }

  static spawn(launch: Launch, output: vscode.LogOutputChannel): Promise<ServerProcess> {
    output.info(`Starting ${commandLine(launch)} (${launch.origin})`);
    return new Promise((resolve, reject) => {
      const child = cp.spawn(launch.program, [...launch.before, ...launch.args], { cwd: launch.cwd, stdio: 'pipe' });
      const process = new ServerProcess(child, launch, output);
      child.once('spawn', () => resolve(process));
      child.once('error', (error) =>
        reject(new LaunchError(`"${launch.program}" (${launch.origin}) cannot be run: ${error.message}.`)),
      );
    });
  }

  /** How the process ended, with its last words. */
  get end(): string {
    return `${this.manner}${this.words}`;
  }

  /** The reason to give when the process ended before it answered. */
  earlyEnd(): LaunchError {
    const { program, origin } = this.launch;
    return new LaunchError(`"${homeAsTilde(program)}" (${origin}) ${this.manner} before it answered${this.words}`);
  }

  private get manner(): string {
    const { exitCode, signalCode } = this.child;
    return exitCode === null ? `was ended by ${signalCode ?? 'a signal'}` : `exited with code ${exitCode}`;
  }

  private get words(): string {
    return this.log.lastWords === '' ? '.' : `: ${homeAsTilde(this.log.lastWords)}`;
  }

  exitsWithin(milliseconds: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), milliseconds);
      unattended(
        this.exited.then(() => {
          clearTimeout(timer);
          resolve(true);
        }),
      );
    });
  }

  /** Ends it without a chance to object: it did not follow the protocol's way to stop. */
  kill(): void {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      this.child.kill('SIGKILL');
    }
  }
}
