// The server's process: its log lines, and how it ended.
import * as cp from 'node:child_process';
import type * as vscode from 'vscode';
import { commandLine, LaunchError, type Launch } from './launch';

export class ServerProcess {
  /** Resolves when the process has ended and its last log line has been read. */
  readonly exited: Promise<void>;
  private lastLine = '';

  private constructor(
    readonly child: cp.ChildProcessWithoutNullStreams,
    private readonly launch: Launch,
    output: vscode.LogOutputChannel,
  ) {
    this.exited = new Promise((resolve) => child.once('close', () => resolve()));
    // The server logs to stderr: lines there are no errors by themselves.
    let rest = '';
    const write = (line: string): void => {
      output.appendLine(line);
      this.lastLine = line.trim() || this.lastLine;
    };
    child.stderr.setEncoding('utf8');
    child.stderr.on('data', (chunk: string) => {
      const lines = (rest + chunk).split(/\r?\n/);
      rest = lines.pop() ?? '';
      lines.forEach(write);
    });
    child.stderr.on('end', () => {
      if (rest !== '') {
        write(rest);
      }
    });
  }

  static spawn(launch: Launch, output: vscode.LogOutputChannel): Promise<ServerProcess> {
    output.info(`Starting ${commandLine(launch)} (${launch.origin})`);
    return new Promise((resolve, reject) => {
      const child = cp.spawn(launch.program, launch.args, { cwd: launch.cwd, stdio: 'pipe' });
      const process = new ServerProcess(child, launch, output);
      child.once('spawn', () => resolve(process));
      child.once('error', (error) =>
        reject(new LaunchError(`"${launch.program}" (${launch.origin}) cannot be run: ${error.message}.`)),
      );
    });
  }

  /** The reason to give when the process ended before it answered. */
  earlyEnd(): LaunchError {
    const { exitCode, signalCode } = this.child;
    const how = exitCode === null ? `was ended by ${signalCode ?? 'a signal'}` : `exited with code ${exitCode}`;
    const last = this.lastLine === '' ? '.' : `: ${this.lastLine}`;
    return new LaunchError(`"${commandLine(this.launch)}" (${this.launch.origin}) ${how} before it answered${last}`);
  }

  exitsWithin(milliseconds: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), milliseconds);
      void this.exited.then(() => {
        clearTimeout(timer);
        resolve(true);
      });
    });
  }

  /** Ends it without a chance to object: it did not follow the protocol's way to stop. */
  kill(): void {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      this.child.kill('SIGKILL');
    }
  }
}
