// Which program is started as the server.
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { LogLevel } from 'vscode';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { commandLine, findLaunch, NoServer, startConditions, type Launch } from '../src/launch';
import { PrivateEnvironment } from '../src/privateEnvironment';
import { selectCommand } from '../src/python';
import { reset, setFolders, state } from './fake/vscode';

let scratch: string;
const pathBefore = process.env.PATH;

function program(...parts: string[]): string {
  const file = path.join(scratch, ...parts);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, '#!/bin/sh\n', { mode: 0o755 });
  return file;
}

function environment(): PrivateEnvironment {
  return new PrivateEnvironment(path.join(scratch, 'storage'), () => undefined);
}

const found = (level = LogLevel.Info): Promise<Launch> => findLaunch(environment(), level);

beforeEach(() => {
  reset();
  scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'launch-'));
  process.env.PATH = path.join(scratch, 'bin');
});

afterEach(() => {
  process.env.PATH = pathBefore;
  fs.rmSync(scratch, { recursive: true });
});

describe('the setting', () => {
  test('names the program and its first arguments', async () => {
    const server = program('tools', 'serve');
    state.settings.set('torchlean.server.path', [server, '-m', 'torchlean_core']);
    expect(commandLine(await found())).toBe(`${server} -m torchlean_core server --stdio`);
  });

  test('is relative to the folder, which it may name', async () => {
    setFolders(path.join(scratch, 'project'));
    const server = program('project', 'tools', 'serve');
    for (const value of ['tools/serve', '${workspaceFolder}/tools/serve']) {
      state.settings.set('torchlean.server.path', value);
      expect((await found()).program).toBe(server);
    }
  });

  test('that names nothing is an error, though PATH has a server', async () => {
    program('bin', 'torchlean');
    state.settings.set('torchlean.server.path', path.join(scratch, 'nothing'));
    await expect(found()).rejects.toThrow(/not an executable file/);
    await expect(found()).rejects.not.toBeInstanceOf(NoServer);
  });
});

describe("a folder's Python", () => {
  const select = (interpreter: string): void => {
    state.extensions.set('ms-python.python', {
      environments: {
        getActiveEnvironmentPath: () => ({ path: interpreter }),
        resolveEnvironment: ({ path: file }: { path: string }) => Promise.resolve({ executable: { uri: { fsPath: file } } }),
      },
    });
  };

  test('has the server where it is installed there, before PATH', async () => {
    program('bin', 'torchlean');
    const server = program('selected', 'bin', 'torchlean');
    select(program('selected', 'bin', 'python'));
    setFolders(path.join(scratch, 'project'));
    expect((await found()).program).toBe(server);
  });

  test('is passed over where it has no server', async () => {
    const server = program('bin', 'torchlean');
    select(program('selected', 'bin', 'python'));
    expect((await found()).program).toBe(server);
  });

  test('is that of the Python Environments extension where both are there, for each folder its own', async () => {
    select(program('other', 'bin', 'python'));
    program('other', 'bin', 'torchlean');
    const server = program('second', '.venv', 'bin', 'torchlean');
    setFolders(path.join(scratch, 'first'), path.join(scratch, 'second'));
    state.extensions.set('ms-python.vscode-python-envs', {
      getEnvironment: (folder: { path: string }) =>
        Promise.resolve({ execInfo: { run: { executable: path.join(folder.path, '.venv', 'bin', 'python') } } }),
    });
    expect((await found()).program).toBe(server);
  });

  test('may lie in it by custom; of a folder that is not trusted nothing is taken', async () => {
    setFolders(path.join(scratch, 'project'));
    program('project', 'venv', 'bin', 'python');
    const server = program('project', 'venv', 'bin', 'torchlean');
    expect((await found()).program).toBe(server);
    state.trusted = false;
    await expect(found()).rejects.toBeInstanceOf(NoServer);
  });
});

describe('PATH', () => {
  test('is searched where no folder has a server', async () => {
    const server = program('bin', 'torchlean');
    expect(await found()).toMatchObject({ program: server, origin: 'PATH' });
  });

  test('is not searched in its relative entries: a workspace could place a program there', async () => {
    program('bin', 'torchlean');
    process.env.PATH = path.relative(process.cwd(), path.join(scratch, 'bin'));
    await expect(found()).rejects.toThrow(/was not found on PATH/);
  });
});

test("the extension's own environment comes last, and is shut off from variables of the user", async () => {
  const own = program('storage', 'server-1', 'bin', 'python');
  await expect(found()).rejects.toBeInstanceOf(NoServer); // half made
  fs.writeFileSync(path.join(scratch, 'storage', 'server-1', 'made-from.json'), '{"requirement": "torchlean-ls==0.1.0"}');
  expect(commandLine(await found())).toBe(`${own} -I -m torchlean_core server --stdio`);
  const onPath = program('bin', 'torchlean');
  expect((await found()).program).toBe(onPath);
});

test('a channel that shows more makes the server say more', async () => {
  program('bin', 'torchlean');
  expect((await found(LogLevel.Debug)).args).toEqual(['server', '--stdio', '--log-level', 'info']);
});

test('an interpreter is selected by a command of the extension that is there', () => {
  expect(selectCommand()).toBeUndefined();
  state.extensions.set('ms-python.vscode-python-envs', {});
  expect(selectCommand()).toBe('python-envs.set');
  state.extensions.set('ms-python.python', {});
  expect(selectCommand()).toBe('python.setInterpreter');
});

test('a start depends on trust, too', async () => {
  program('bin', 'torchlean');
  const trusted = await startConditions(environment(), LogLevel.Info);
  state.trusted = false;
  expect(await startConditions(environment(), LogLevel.Info)).not.toBe(trusted);
});
