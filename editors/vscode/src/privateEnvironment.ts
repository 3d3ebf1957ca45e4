// An environment of the extension's own, in its storage: a Python with the server in it, for whoever has none.
import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import type * as vscode from 'vscode';
import { executables, interpreterIn, isExecutable, pythonsOnPath, runProgram, type Outcome } from './programs';

/** What a new environment is made of. */
export interface Recipe {
  /** What pip is asked for: a pinned requirement, or a file. */
  readonly requirement: string;
  /** Exact versions of everything else: a file. */
  readonly constraints: string;
  /** Another package index than the one that pip is set up for; empty for none. */
  readonly indexUrl: string;
  /** Interpreters to try before those on PATH. */
  readonly interpreters: readonly string[];
}

/** Why no environment was made, in words for the user. */
export class SetUpError extends Error {}

const OLDEST = [3, 11] as const;
const PREFIX = 'server-';
/** Written last: an environment without it is half made. */
const RECORD = 'made-from.json';
/** After this time nobody is at work on a half-made environment any more. */
const STALE_MS = 60 * 60 * 1000;
/** So long after an environment was replaced, no window runs it any more: each takes the newest when its server starts. */
const REPLACED_MS = 7 * 24 * STALE_MS;

/** Says the version, and fails where no environment can be made. */
const LOOK = 'import sys, venv, ensurepip; print(*sys.version_info[:2])';

export class PrivateEnvironment {
  constructor(
    private readonly storage: string,
    private readonly log: (line: string) => void,
  ) {}

  /** The interpreter of the newest environment that is complete. Undefined where there is none. */
  get interpreter(): string | undefined {
    const folder = this.complete()[0];
    return folder && interpreterIn(folder);
  }

  /** What that environment was asked to hold. */
  get requirement(): string | undefined {
    const folder = this.complete()[0];
    return folder && recordOf(folder)?.requirement;
  }

  /**
   * Makes an environment beside those that are there; it counts once it is complete, and where that fails it is removed.
   * @throws SetUpError with the reason, Cancelled.
   */
  async make(recipe: Recipe, progress: vscode.Progress<{ message: string }>, token: vscode.CancellationToken): Promise<void> {
    progress.report({ message: 'looking for Python 3.11 or newer' });
    const python = await this.findPython(recipe.interpreters, token);
    const folder = path.join(this.storage, `${PREFIX}${randomUUID()}`);
    try {
      await fs.promises.mkdir(this.storage, { recursive: true });
      progress.report({ message: 'making an environment' });
      await this.step([python, '-I', '-m', 'venv', folder], 'no environment can be made', token);
      const own = interpreterIn(folder);
      const quiet = ['--disable-pip-version-check', '--no-input', '--progress-bar', 'off'];
      const install = ['-I', '-m', 'pip', 'install', ...quiet, '-c', recipe.constraints];
      const index = recipe.indexUrl === '' ? [] : ['--index-url', recipe.indexUrl];
      progress.report({ message: 'installing' });
      await this.step([own, ...install, ...index, recipe.requirement], 'the server cannot be installed', token, (line) => {
        const [, what] = /^(?:Collecting|Downloading|Processing|Building|Installing) (.{1,60})/.exec(line.trim()) ?? [];
        if (what !== undefined) {
          progress.report({ message: `installing ${path.basename(what)}` });
        }
      });
      progress.report({ message: 'trying it' });
      await this.step([own, '-I', '-m', 'torchlean_core', '--version'], 'what was installed does not run', token);
      const record = path.join(folder, RECORD);
      await fs.promises.writeFile(`${record}.new`, JSON.stringify({ requirement: recipe.requirement }));
      await fs.promises.rename(`${record}.new`, record);
    } catch (error) {
      await fs.promises.rm(folder, { recursive: true, force: true, maxRetries: 3 });
      throw error;
    }
  }

  /** Removes environments that were replaced, and what an interrupted set-up left; what others may still use stays. */
  async tidy(): Promise<void> {
    const [newest, ...replaced] = this.complete();
    const sinceThen = newest === undefined ? 0 : Date.now() - changed(path.join(newest, RECORD));
    const old = this.folders().filter(
      (folder) =>
        folder !== newest && (replaced.includes(folder) ? sinceThen > REPLACED_MS : Date.now() - changed(folder) > STALE_MS),
    );
    const removed = await Promise.allSettled(old.map((folder) => fs.promises.rm(folder, { recursive: true, force: true })));
    for (const result of removed) {
      if (result.status === 'rejected') {
        this.log(`An old environment stays: ${String(result.reason)}`); // no reason to have no server
      }
    }
  }

  private folders(): string[] {
    const names = fs.existsSync(this.storage) ? fs.readdirSync(this.storage) : [];
    return names.filter((name) => name.startsWith(PREFIX)).map((name) => path.join(this.storage, name));
  }

  /** The complete environments, the newest first. */
  private complete(): string[] {
    return this.folders()
      .filter((folder) => recordOf(folder) !== undefined && isExecutable(interpreterIn(folder)))
      .sort((one, other) => changed(path.join(other, RECORD)) - changed(path.join(one, RECORD)));
  }

  private async findPython(chosen: readonly string[], token: vscode.CancellationToken): Promise<string> {
    const found: string[] = [];
    for (const file of new Set([...chosen.flatMap(executables).filter(isExecutable), ...pythonsOnPath()])) {
      const { code, stdout, lines } = await runProgram(file, ['-I', '-c', LOOK], { token }).catch(unlessCancelled);
      const version = stdout.trim().split(' ').map(Number);
      const [major = 0, minor = 0] = version;
      if (code === 0 && (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]))) {
        return file;
      }
      const why = code === 0 ? `Python ${version.join('.')}` : (lines.findLast((line) => /^\S/.test(line)) ?? 'does not run');
      this.log(`${file}: ${why}`);
      found.push(/No module named '(venv|ensurepip)'/.test(why) ? `${path.basename(file)} has no venv` : why);
    }
    const instead = found.length === 0 ? 'found none' : `found ${[...new Set(found)].join(', ')}`;
    const hint = found.some((why) => why.endsWith('has no venv')) ? ' On Debian and Ubuntu the package python3-venv brings it.' : '';
    throw new SetUpError(`Python ${OLDEST.join('.')} or newer is needed; ${instead}.${hint}`);
  }

  private async step(
    [program, ...args]: [string, ...string[]],
    failure: string,
    token: vscode.CancellationToken,
    onLine?: (line: string) => void,
  ): Promise<void> {
    this.log(`> ${[program, ...args].join(' ')}`);
    const each = (line: string): void => {
      this.log(line);
      onLine?.(line);
    };
    const { code, lines } = await runProgram(program, args, { token, onLine: each }).catch(unlessCancelled);
    if (code !== 0) {
      throw new SetUpError(`${failure}: ${reasonOf(lines)}`);
    }
  }
}

/** A program that cannot be started is as one that failed with that reason. */
function unlessCancelled(error: unknown): Outcome {
  if (error instanceof Error && 'code' in error) {
    return { code: null, stdout: '', lines: [error.message] };
  }
  throw error;
}

/** The line of a failed program's output that says why: pip's first error, else the last line. */
export function reasonOf(lines: readonly string[]): string {
  const said = lines.map((line) => line.trim()).filter((line) => line !== '');
  const error = said.findLast((line) => line.startsWith('ERROR: ')) ?? said.at(-1) ?? 'without a word';
  const text = error.replace(/^ERROR: /, '');
  return text.length <= 300 ? text : `${text.slice(0, 299)}…`;
}

function recordOf(folder: string): { readonly requirement: string } | undefined {
  const file = path.join(folder, RECORD);
  return fs.existsSync(file) ? (JSON.parse(fs.readFileSync(file, 'utf8')) as { requirement: string }) : undefined;
}

function changed(file: string): number {
  return fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
