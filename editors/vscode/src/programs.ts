// Programs: where they lie, and what they say when they are run.
import * as cp from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import type * as vscode from 'vscode';

/** Like a shell's look-up, except that relative entries of PATH (the current folder) are passed over. */
export function searchPath(name: string): string | undefined {
  const folders = (process.env.PATH ?? '').split(path.delimiter).filter((folder) => path.isAbsolute(folder));
  return folders.flatMap((folder) => executables(path.join(folder, name))).find(isExecutable);
}

/** The Pythons on PATH, by the names that they have by custom. */
export function pythonsOnPath(): string[] {
  const names = ['python3', 'python', ...[14, 13, 12, 11].map((minor) => `python3.${minor}`)];
  return names.map((name) => searchPath(name)).filter((file) => file !== undefined);
}

/** The interpreter of an environment. */
export function interpreterIn(environment: string): string {
  const inside = process.platform === 'win32' ? ['Scripts', 'python.exe'] : ['bin', 'python'];
  return path.join(environment, ...inside);
}

/** The program that a package installed for an interpreter. */
export function siblingProgram(interpreter: string, name: string): string | undefined {
  const folder = path.dirname(interpreter);
  const places = process.platform === 'win32' ? [path.join(folder, 'Scripts'), folder] : [folder];
  return places.flatMap((place) => executables(path.join(place, name))).find(isExecutable);
}

/** The names under which a program may lie on the disk. */
export function executables(file: string): string[] {
  return process.platform === 'win32' ? [`${file}.exe`, file] : [file];
}

export function isExecutable(file: string): boolean {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return fs.statSync(file).isFile();
  } catch {
    return false;
  }
}

export interface Outcome {
  /** Exit code; null where a signal ended the program. */
  readonly code: number | null;
  readonly stdout: string;
  /** Both streams, line by line, as they came. */
  readonly lines: readonly string[];
}

export interface RunOptions {
  readonly cwd?: string;
  readonly token?: vscode.CancellationToken;
  readonly onLine?: (line: string) => void;
}

/** The program was cancelled, and has ended with all that it started. */
export class Cancelled extends Error {}

/**
 * Runs a program to its end.
 * @throws Cancelled, or the reason why it cannot be started.
 */
export function runProgram(program: string, args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    // A group of its own: what it starts is ended with it.
    const detached = process.platform !== 'win32';
    const child = cp.spawn(program, args, { cwd: options.cwd, stdio: ['ignore', 'pipe', 'pipe'], detached });
    const lines: string[] = [];
    let stdout = '';
    const take = (line: string): void => {
      lines.push(line);
      options.onLine?.(line);
    };
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk));
    byLine(child.stdout, take);
    byLine(child.stderr, take);
    const listener = options.token?.onCancellationRequested(() => {
      if (detached && child.pid !== undefined) {
        process.kill(-child.pid, 'SIGKILL');
      } else {
        child.kill('SIGKILL');
      }
    });
    child.once('error', (error) => {
      listener?.dispose();
      reject(error);
    });
    child.once('close', (code) => {
      listener?.dispose();
      if (options.token?.isCancellationRequested === true) {
        reject(new Cancelled());
      } else {
        resolve({ code, stdout, lines });
      }
    });
  });
}

/** Calls `take` for every line of a stream, also for a last one without an end. */
export function byLine(stream: NodeJS.ReadableStream, take: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    const lines = (rest + chunk).split(/\r?\n/);
    rest = lines.pop() ?? '';
    lines.forEach(take);
  });
  stream.on('end', () => {
    if (rest !== '') {
      take(rest);
    }
  });
}
