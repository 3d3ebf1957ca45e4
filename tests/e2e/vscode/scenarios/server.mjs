// Which server runs, and what happens where none does.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { FIXABLE, RELU } from '../files.mjs';
import { folderOf, options, scratch, withWorkbench } from '../harness.mjs';
import { fixBrokenArtifact, retype } from '../journeys.mjs';

export const scenarios = {
  async 'negative control: without a server the same journey fails, with a message'() {
    const folder = folderOf('negative', { 'broken.ir.json': FIXABLE });
    await withWorkbench('negative', { folder, settings: { 'torchlean.server.path': ['/bin/false'] } }, async (workbench) => {
      await workbench.openFile('broken.ir.json');
      await workbench.waitForNotification(/language server did not start.*\/bin\/false.*exited with code 1/i);
      await workbench.waitForStatus('failed');
      await workbench.screenshot('no-server');
      workbench.page.setDefaultTimeout(3000);
      await assert.rejects(fixBrokenArtifact(workbench), /Timeout.*squiggly-error/s, 'underlined without a server');
    });
  },

  async 'files that are neither artifacts nor models start nothing; the first one that is starts the server'() {
    const folder = folderOf('asleep', { 'plain.py': 'import os\n', 'plain.json': '{"nodes": []}', 'data.json': FIXABLE });
    await withWorkbench('asleep', { folder, settings: { 'torchlean.server.path': [options.server] } }, async (workbench) => {
      const items = workbench.page.locator('.statusbar-item[aria-label*="TorchLean language server"]');
      await workbench.openFile('plain.json');
      await workbench.openFile('plain.py');
      await workbench.runCommand('Developer: Show Running Extensions');
      await workbench.page.locator('.runtime-extensions-editor, .editor-instance', { hasText: 'TorchLean LS' }).first().waitFor();
      await workbench.screenshot('running-extensions');
      assert.equal(await items.count(), 0, 'a file that is none of its business woke it');
      assert.equal(workbench.serverLog(), '');
      await workbench.openFile('data.json');
      await workbench.waitForStatus('running');
      await workbench.page.waitForSelector('.monaco-editor .squiggly-error');
    });
  },

  async 'a server that dies is started again, and one that is missing is named'() {
    const folder = folderOf('crash', { 'broken.ir.json': FIXABLE });
    const pid = path.join(scratch, 'server.pid');
    const wrapper = path.join(scratch, 'server with a name.sh');
    fs.writeFileSync(wrapper, `#!/bin/sh\necho $$ > '${pid}'\nexec '${options.server}' "$@"\n`, { mode: 0o755 });
    await withWorkbench('crash', { folder, settings: { 'torchlean.server.path': wrapper } }, async (workbench) => {
      await workbench.openFile('broken.ir.json');
      await workbench.page.waitForSelector('.monaco-editor .squiggly-error');
      const first = fs.readFileSync(pid, 'utf8');
      process.kill(Number(first), 'SIGKILL');
      await workbench.until(() => ![first, ''].includes(fs.readFileSync(pid, 'utf8')), 'a second process');
      await workbench.waitForStatus('running');
      await workbench.page.waitForSelector('.monaco-editor .squiggly-error');

      workbench.changeSettings({ 'torchlean.server.path': '/nowhere/torchlean' });
      await workbench.waitForNotification(/did not start.*\/nowhere\/torchlean.*not an executable file/i);
      await workbench.waitForStatus('failed');
      await workbench.page.waitForSelector('.monaco-editor .squiggly-error', { state: 'detached' });

      workbench.changeSettings({ 'torchlean.server.path': [options.server], 'torchlean.enable': false });
      await workbench.waitForStatus('disabled');
      workbench.changeSettings({ 'torchlean.server.path': [options.server] });
      await workbench.waitForStatus('running');
      await workbench.page.waitForSelector('.monaco-editor .squiggly-error');
    });
  },

  async 'an untrusted workspace is checked and nothing of it is run, until it is trusted'() {
    const ran = path.join(scratch, 'ran');
    const model = `import pathlib
import torch
pathlib.Path(${JSON.stringify(`${ran}-model`)}).touch()


# torchlean: example-shape=1,4
class Model(torch.nn.Module):
    pass
`;
    const folder = folderOf('untrusted', {
      'broken.ir.json': FIXABLE,
      'model.py': model,
      'server.sh': `#!/bin/sh\ntouch '${ran}-server'\nexec '${options.server}' "$@"\n`,
      '.vscode/settings.json': JSON.stringify({
        'torchlean.server.path': ['${workspaceFolder}/server.sh'],
        'torchlean.captureOnSave': true,
        'torchlean.refreshOnSave': true,
      }),
      'small.ir.json': RELU,
    });
    fs.chmodSync(path.join(folder, 'server.sh'), 0o755);
    const settings = {
      'torchlean.server.path': [options.server],
      'security.workspace.trust.startupPrompt': 'never',
      'files.autoSave': 'off', // in a browser it is on
    };
    await withWorkbench('untrusted', { folder, settings, trust: true }, async (workbench) => {
      await workbench.openFile('model.py');
      await workbench.waitForStatus('running');
      await workbench.page.keyboard.press('Control+Home');
      await workbench.page.keyboard.type('# edited\n');
      await workbench.page.keyboard.press('Control+s');
      await workbench.page.waitForSelector('.tab.active:not(.dirty)');
      // How the model stands is told; what would run it is not offered.
      await workbench.state('no artifact').waitFor();
      assert.equal(await workbench.lens('Capture').count(), 0);

      // A module is written again where its user asks for it, not because the workspace's settings say so.
      await workbench.openFile('small.ir.json');
      await workbench.lens('Emit nn.Module').click();
      const module = path.join(folder, 'small.py');
      await workbench.until(() => fs.existsSync(module), 'the module was written');
      await retype(workbench, RELU, 'relu', 'tanh');
      await workbench.page.keyboard.press('Control+s');
      await workbench.lens('Refresh').waitFor();
      assert.ok(!fs.readFileSync(module, 'utf8').includes('tanh'), 'a module was refreshed by a setting of the workspace');

      // An interpreter that would not be used is not asked for.
      await workbench.runCommand('TorchLean: Select Interpreter');
      await workbench.waitForNotification(/used once the workspace is trusted/);
      await workbench.closeNotifications();

      await workbench.openFile('broken.ir.json');
      await workbench.page.waitForSelector('.monaco-editor .squiggly-error');
      await workbench.screenshot('untrusted');
      assert.ok(!fs.existsSync(`${ran}-server`), 'the server named by the workspace was run');
      assert.ok(!fs.existsSync(`${ran}-model`), 'the model file of the workspace was run');

      await workbench.grantTrust();
      await workbench.until(() => fs.existsSync(`${ran}-server`), 'the server named by the trusted workspace was run');
      await workbench.waitForStatus('running');
      assert.ok(!fs.existsSync(`${ran}-model`), 'trusting the workspace ran its model file');

      // Its settings hold from now on.
      await workbench.openFile('small.ir.json');
      await workbench.lens('Refresh').waitFor();
      await retype(workbench, RELU.replace('relu', 'tanh'), 'tanh', 'sigmoid');
      await workbench.page.keyboard.press('Control+s');
      await workbench.until(() => fs.readFileSync(module, 'utf8').includes('sigmoid'), 'the module was refreshed on save');
    });
  },
};
