// How a server is got, and what happens when it goes.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { FIXABLE } from '../files.mjs';
import { folderOf, long, options, scratch, serverPython, wheel, withWorkbench } from '../harness.mjs';
import { PATIENCE_MS } from '../workbench.mjs';

const MODEL = `from torch import nn


# torchlean: example-shape=1,4
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 3)

    def forward(self, x):
        return self.fc(x)
`;

/** An interpreter of its own name, which notes that it was used for work. */
function interpreter(name) {
  const file = path.join(scratch, name, 'bin', 'python');
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, `#!/bin/sh\necho x >> '${file}.used'\nexec '${serverPython()}' "$@"\n`, { mode: 0o755 });
  return file;
}

const used = (file) => fs.existsSync(`${file}.used`);

export const scenarios = {
  'without a server one is set up by a button, into an environment of its own, which serves from then on': long(async () => {
    const folder = folderOf('set-up', { 'broken.ir.json': FIXABLE });
    const settings = { 'torchlean.environment.package': '/nowhere/torchlean_ls-0.1.0-py3-none-any.whl' };
    await withWorkbench('set-up', { folder, settings, withoutServer: true }, async (workbench) => {
      const made = () => {
        const storage = path.join(workbench.data, 'User/globalStorage/torchlean.torchlean-ls');
        return fs.existsSync(storage) ? fs.readdirSync(storage) : [];
      };
      await workbench.openFile('broken.ir.json');
      await workbench.waitForNotification(/language server, a Python package, was not found on PATH/);
      await workbench.waitForStatus('missing');
      await workbench.screenshot('missing');
      assert.equal(await workbench.page.locator('.squiggly-error').count(), 0);

      // What cannot be installed is told with its reason, and nothing of it stays.
      await workbench.answerNotification(/a Python package/, 'Set Up for Me');
      await workbench.waitForNotification(/could not be set up: the server cannot be installed: .*torchlean_ls-0\.1\.0/);
      await workbench.screenshot('failed');
      assert.deepEqual(made(), []);

      workbench.changeSettings({ 'torchlean.environment.package': await wheel() });
      await workbench.answerNotification(/could not be set up/, 'Retry');
      await workbench.waitForNotification(/TorchLean server: installing/);
      await workbench.screenshot('installing');
      await workbench.cancelProgress(/TorchLean server/);
      await workbench.waitForNoNotification(/TorchLean server: installing/);
      await workbench.until(() => made().length === 0, 'what was cancelled is removed');

      workbench.page.setDefaultTimeout(240_000);
      await workbench.runCommand('TorchLean: Set Up the Server');
      await workbench.waitForStatus('running');
      await workbench.page.waitForSelector('.monaco-editor .squiggly-error');
      assert.equal(made().length, 1);
      await workbench.screenshot('set-up');

      workbench.page.setDefaultTimeout(PATIENCE_MS);
      await workbench.reload();
      await workbench.waitForStatus('running');
      await workbench.page.waitForSelector('.monaco-editor .squiggly-error');
      assert.ok(!(await workbench.isNotified(/a Python package/)), 'asked again');

      // One that was made from something else is made again. The server does not wait for that.
      const before = workbench.serverLog().length;
      workbench.changeSettings(settings);
      await workbench.reload();
      await workbench.waitForNotification(/could not be set up: the server cannot be installed/);
      await workbench.waitForStatus('running');
      const log = workbench.serverLog().slice(before);
      assert.ok(log.indexOf('Starting ') >= 0 && log.indexOf('Starting ') < log.indexOf('-m venv'), `the server waited:\n${log}`);
      await workbench.page.waitForSelector('.monaco-editor .squiggly-error');
    });
  }),

  async 'two folders of a window are worked on in two interpreters, by one server'() {
    const [one, two] = [interpreter('python-one'), interpreter('python-two')];
    const folderWith = (name, python) =>
      folderOf(name, {
        [`${name}.py`]: MODEL,
        '.vscode/settings.json': JSON.stringify({ 'torchlean.python.interpreter': python }),
      });
    const places = { first: folderWith('first', one), second: folderWith('second', two) };
    const folder = path.join(scratch, 'both.code-workspace');
    fs.writeFileSync(folder, JSON.stringify({ folders: Object.values(places).map((place) => ({ path: place })) }));
    const settings = { 'torchlean.server.path': [options.server], 'torchlean.warmWorker': false };
    await withWorkbench('two-folders', { folder, settings }, async (workbench) => {
      const capture = async (name) => {
        await workbench.openFile(`${name}.py`);
        await workbench.lens('Capture (1,4)').click();
        await workbench.until(() => fs.existsSync(path.join(places[name], 'net.ir.json')), `${name} was captured`);
      };
      await capture('first');
      assert.deepEqual([used(one), used(two)], [true, false]);
      await capture('second');
      assert.ok(used(two));
      await workbench.openLanguageStatus();
      await workbench.screenshot('language-status');
      const starts = workbench.serverLog().match(/Starting .*server --stdio/g);
      assert.equal(starts.length, 1, 'one server for both');
    });
  },

  async 'a wrong interpreter is told, and another one is picked from the message'() {
    const python = interpreter('picked');
    const folder = folderOf('wrong', { 'model.py': MODEL });
    fs.mkdirSync(path.join(folder, '.venv'));
    fs.symlinkSync(path.dirname(python), path.join(folder, '.venv', 'bin'));
    const settings = { 'torchlean.server.path': [options.server], 'torchlean.python.interpreter': '/nowhere/python' };
    await withWorkbench('wrong', { folder, settings }, async (workbench) => {
      await workbench.openFile('model.py');
      await workbench.lens('Capture (1,4)').click();
      await workbench.waitForNotification(/interpreter .*python does not exist/);
      await workbench.screenshot('message');
      await workbench.answerNotification(/does not exist/, 'Select Interpreter');
      await workbench.page.locator('.quick-input-widget .monaco-list-row', { hasText: 'Browse' }).waitFor();
      await workbench.screenshot('choice');
      await workbench.pick('.venv');
      await workbench.until(() => /\.venv/.test(workbench.currentSettings()['torchlean.python.interpreter'] ?? ''), 'the choice was kept');
      await workbench.page.waitForTimeout(1000); // until the editor has read its settings' file, and told the server
      await workbench.lens('Capture').click();
      await workbench.until(() => fs.existsSync(path.join(folder, 'net.ir.json')), 'it was captured');
      assert.ok(used(python));
    });
  },

  async 'a server that keeps dying is left alone after a while, with the reason and a button'() {
    const folder = folderOf('loop', { 'broken.ir.json': FIXABLE });
    const wrapper = path.join(scratch, 'dies.sh');
    const pid = path.join(scratch, 'dies.pid');
    fs.writeFileSync(wrapper, `#!/bin/sh\necho $$ > '${pid}'\nexec '${options.server}' "$@"\n`, { mode: 0o755 });
    await withWorkbench('loop', { folder, settings: { 'torchlean.server.path': wrapper } }, async (workbench) => {
      await workbench.openFile('broken.ir.json');
      await workbench.page.waitForSelector('.monaco-editor .squiggly-error');
      // From now on it dies as soon as it is started: first by a signal, then by a fault of its own.
      const first = fs.readFileSync(pid, 'utf8');
      fs.writeFileSync(wrapper, `#!/bin/sh\nread line\nsleep 0.2\necho 'Traceback (most recent call last):' >&2\necho 'MemoryError: no room for the graph' >&2\nexit 1\n`);
      process.kill(Number(first), 'SIGKILL');
      await workbench.waitForNotification(/language server is down.*stopped 5 times in three minutes.*MemoryError: no room/i);
      await workbench.waitForStatus('failed');
      await workbench.screenshot('down');
      const toasts = await workbench.page.locator('.notification-toast').count();
      assert.equal(toasts, 1, 'more than one message');
      fs.writeFileSync(wrapper, `#!/bin/sh\nexec '${options.server}' "$@"\n`);
      await workbench.answerNotification(/is down/, 'Restart');
      await workbench.waitForStatus('running');
      await workbench.page.waitForSelector('.monaco-editor .squiggly-error');
    });
  },

  async 'several changes of settings make one start'() {
    const folder = folderOf('coalesced', { 'broken.ir.json': FIXABLE });
    const link = (name) => {
      const file = path.join(scratch, name);
      fs.writeFileSync(file, `#!/bin/sh\nexec '${options.server}' "$@"\n`, { mode: 0o755 });
      return file;
    };
    const [before, after] = [link('before.sh'), link('after.sh')];
    await withWorkbench('coalesced', { folder, settings: { 'torchlean.server.path': before } }, async (workbench) => {
      await workbench.openFile('broken.ir.json');
      await workbench.waitForStatus('running');
      for (const place of [before, after, before, after]) {
        workbench.changeSettings({ 'torchlean.server.path': place, 'torchlean.device': 'cpu' });
      }
      await workbench.until(() => workbench.serverLog().includes(`Starting ${after}`), 'the other server');
      await workbench.waitForStatus('running');
      await workbench.page.waitForSelector('.monaco-editor .squiggly-error');
      assert.equal(workbench.serverLog().match(/Starting /g).length, 2);
    });
  },
};
