// Which program is started as the server.
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { commandLine, findLaunch, startConditions } from '../src/launch';
import { reset, setFolders, state } from './fake/vscode';

let scratch: string;
const pathBefore = process.env.PATH;

function program(...parts: string[]): string {
  const file = path.join(scratch, ...parts);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, '#!/bin/sh\n', { mode: 0o755 });
  return file;
}

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
    expect(commandLine(await findLaunch())).toBe(`${server} -m torchlean_core server --stdio`);
  });

  test('is relative to the folder, which it may name', async () => {
    setFolders(path.join(scratch, 'project'));
    const server = program('project', 'tools', 'serve');
    for (const value of ['tools/serve', '${workspaceFolder}/tools/serve']) {
      state.settings.set('torchlean.server.path', value);
      expect((await findLaunch()).program).toBe(server);
    }
  });

  test('that names nothing is an error, though PATH has a server', async () => {
    program('bin', 'torchlean');
    state.settings.set('torchlean.server.path', path.join(scratch, 'nothing'));
    await expect(findLaunch()).rejects.toThrow(/not an executable file/);
  });
});

describe('PATH', () => {
  test('is searched where the setting is empty', async () => {
    const server = program('bin', 'torchlean');
    expect(await findLaunch()).toMatchObject({ program: server, origin: 'PATH' });
  });

  test('is not searched in its relative entries: a workspace could place a program there', async () => {
    program('bin', 'torchlean');
    process.env.PATH = path.relative(process.cwd(), path.join(scratch, 'bin'));
    await expect(findLaunch()).rejects.toThrow(/no "torchlean"/);
  });
});

test('a start depends on trust, too', async () => {
  program('bin', 'torchlean');
  const trusted = await startConditions();
  state.trusted = false;
  expect(await startConditions()).not.toBe(trusted);
});
