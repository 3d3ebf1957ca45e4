// The extension's own environment: made whole or not at all. Python is a shell script that does what a test says.
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { CancellationTokenSource } from 'vscode';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { PrivateEnvironment, reasonOf, type Recipe } from '../src/privateEnvironment';
import { Cancelled } from '../src/programs';

let scratch: string;
let log: string[];
let environment: PrivateEnvironment;
const pathBefore = process.env.PATH;
const silent = { report: () => undefined };

/** A Python that makes environments with a Python in them whose pip does `pip`. */
function python({ version = '3 12', pip = 'exit 0' } = {}): void {
  const inside = `#!/bin/sh\\ncase "$3" in pip) ${pip};; esac\\n`;
  const text = `#!/bin/sh
if [ "$2" = -c ]; then echo ${version}; exit; fi
mkdir -p "$4/bin" && printf '${inside}' > "$4/bin/python" && chmod +x "$4/bin/python"
`;
  fs.writeFileSync(path.join(scratch, 'python3'), text, { mode: 0o755 });
}

function recipe(changes: Partial<Recipe> = {}): Recipe {
  return { requirement: 'torchlean-ls==0.1.0', constraints: 'constraints.txt', indexUrl: '', interpreters: [], ...changes };
}

const left = (): string[] => (fs.existsSync(path.join(scratch, 'storage')) ? fs.readdirSync(path.join(scratch, 'storage')) : []);

beforeEach(() => {
  scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'environment-'));
  log = [];
  environment = new PrivateEnvironment(path.join(scratch, 'storage'), (line) => log.push(line));
  process.env.PATH = `${scratch}:/bin:/usr/bin`;
});

afterEach(() => {
  process.env.PATH = pathBefore;
  fs.rmSync(scratch, { recursive: true });
});

describe.skipIf(process.platform === 'win32')('an environment', () => {
  test('is used once it is whole, with what it was asked to hold', async () => {
    python();
    const { token } = new CancellationTokenSource();
    expect(environment.interpreter).toBeUndefined();
    await environment.make(recipe({ indexUrl: 'https://index.example/simple' }), silent, token);
    expect(environment.interpreter).toMatch(/storage\/server-[\w-]+\/bin\/python$/);
    expect(environment.requirement).toBe('torchlean-ls==0.1.0');
    expect(log.join('\n')).toMatch(/-c constraints\.txt --index-url https:\/\/index\.example\/simple torchlean-ls==0\.1\.0/);
  });

  test('that cannot be filled is removed, and the reason is told', async () => {
    python({ pip: 'echo Collecting; echo "ERROR: No matching distribution found" >&2; exit 1' });
    const { token } = new CancellationTokenSource();
    await expect(environment.make(recipe(), silent, token)).rejects.toThrow(
      'the server cannot be installed: No matching distribution found',
    );
    expect(left()).toEqual([]);
  });

  test('is removed when its user cancels, and what was running is ended', async () => {
    python({ pip: `echo Collecting; sleep 60 & echo $! > ${scratch}/pid; wait` });
    const source = new CancellationTokenSource();
    const made = environment.make(recipe(), silent, source.token);
    while (!fs.existsSync(path.join(scratch, 'pid'))) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    source.cancel();
    await expect(made).rejects.toBeInstanceOf(Cancelled);
    expect(left()).toEqual([]);
    const pid = Number(fs.readFileSync(path.join(scratch, 'pid'), 'utf8'));
    await expect.poll(() => isRunning(pid)).toBe(false);
  });

  test('needs a Python that is new enough', async () => {
    python({ version: '3 9' });
    process.env.PATH = scratch;
    await expect(environment.make(recipe(), silent, new CancellationTokenSource().token)).rejects.toThrow(
      'Python 3.11 or newer is needed; found Python 3.9.',
    );
  });

  test('is made of the Python that a folder chose where that is fit, before those of PATH', async () => {
    python({ version: '3 9' });
    fs.renameSync(path.join(scratch, 'python3'), path.join(scratch, 'old'));
    python();
    fs.mkdirSync(path.join(scratch, 'chosen'));
    fs.copyFileSync(path.join(scratch, 'python3'), path.join(scratch, 'chosen', 'python'));
    const interpreters = [path.join(scratch, 'old'), path.join(scratch, 'chosen', 'python')];
    await environment.make(recipe({ interpreters }), silent, new CancellationTokenSource().token);
    expect(log.find((line) => line.includes('-m venv'))).toContain(path.join(scratch, 'chosen', 'python'));
  });

  test('that was replaced, or left half made long ago, is removed; others may still be at work on a new one', async () => {
    python();
    await environment.make(recipe(), silent, new CancellationTokenSource().token);
    const [whole] = left();
    const old = path.join(scratch, 'storage', 'server-old');
    const fresh = path.join(scratch, 'storage', 'server-fresh');
    fs.mkdirSync(old);
    fs.utimesSync(old, 0, 0);
    fs.mkdirSync(fresh);
    await environment.tidy();
    expect(left().sort()).toEqual([whole, 'server-fresh'].sort());
  });

  test('that was replaced stays for a while: another window may run it', async () => {
    python();
    await environment.make(recipe(), silent, new CancellationTokenSource().token);
    const [old] = left();
    fs.utimesSync(path.join(scratch, 'storage', old ?? '', 'made-from.json'), 1, 1);
    fs.utimesSync(path.join(scratch, 'storage', old ?? ''), 1, 1);
    await environment.make(recipe(), silent, new CancellationTokenSource().token);
    await environment.tidy();
    expect(left()).toHaveLength(2);
    const fresh = left().find((name) => name !== old);
    fs.utimesSync(path.join(scratch, 'storage', fresh ?? '', 'made-from.json'), 100, 100);
    await environment.tidy();
    expect(left()).toEqual([fresh]);
  });

  test('that cannot be removed stays, and keeps nobody from starting a server', async () => {
    const old = path.join(scratch, 'storage', 'server-old');
    fs.mkdirSync(old, { recursive: true });
    fs.utimesSync(old, 0, 0);
    const rm = vi.spyOn(fs.promises, 'rm').mockRejectedValueOnce(new Error('EBUSY: in use'));
    await environment.tidy();
    rm.mockRestore();
    expect(left()).toEqual(['server-old']);
    expect(log).toEqual(['An old environment stays: Error: EBUSY: in use']);
  });
});

test("a failure's reason is pip's last error, else the last line", () => {
  expect(reasonOf(['ERROR: no version', 'ERROR: no match', '[notice] a new pip'])).toBe('no match');
  expect(reasonOf(['one', 'two', ''])).toBe('two');
  expect(reasonOf([])).toBe('without a word');
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !fs.readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
}
