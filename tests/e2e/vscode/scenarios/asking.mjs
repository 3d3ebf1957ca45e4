// What a capture asks, and what saving does where settings say so.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { FIXABLE, RELU, WRONG_SHAPE, RIGHT_SHAPE } from '../files.mjs';
import { folderOf, options, sharing, withWorkbench } from '../harness.mjs';
import { retype } from '../journeys.mjs';
import { choose, rows } from '../picks.mjs';

const MODELS = `import torch
from torch import nn


# torchlean: example-shape=2,4
class Known(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 3)

    def forward(self, x):
        return torch.relu(self.fc(x))


class Guessed(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(5, 3)

    def forward(self, x):
        return self.fc(x)


class Needy(nn.Module):
    def __init__(self, width):
        super().__init__()
`;

const GOOD = FIXABLE.replace(WRONG_SHAPE, RIGHT_SHAPE);
export const scenarios = {
  'one of several models is picked, its guessed shape is written into the file, and undone': sharing(async () => {
    const folder = folderOf('pick', { 'models.py': MODELS });
    const file = (name) => path.join(folder, name);
    await withWorkbench('pick', { folder, settings: { 'torchlean.server.path': [options.server] } }, async (workbench) => {
      await workbench.openFile('models.py');
      await workbench.waitForStatus('running');
      await workbench.lens('Capture (2,4)').waitFor();
      const head = MODELS.slice(0, MODELS.indexOf('return self.fc(x)')).split('\n').length;
      await workbench.placeCursor(head, 9);

      // The one at the cursor is proposed; leaving the pick, or the box, leaves nothing.
      await workbench.runCommand('TorchLean: Capture Model…');
      await workbench.until(async () => (await rows(workbench)).length === 2, 'two models can be captured');
      const shown = await rows(workbench);
      assert.match(shown[0], /^Known.*\(2,4\) · no artifact/);
      assert.match(shown[1], /^Guessed.*perhaps \(1,5\)/);
      assert.match(await workbench.page.locator('.quick-input-list .monaco-list-row.focused').innerText(), /Guessed/);
      await workbench.screenshot('models');
      await workbench.page.keyboard.press('Enter');
      const box = workbench.page.locator('.quick-input-widget', { hasText: 'example input of Guessed' });
      await box.waitFor();
      await workbench.page.keyboard.press('Escape');
      await box.waitFor({ state: 'hidden' });
      assert.deepEqual(fs.readdirSync(folder), ['models.py']);
      assert.equal(fs.readFileSync(file('models.py'), 'utf8'), MODELS);

      await workbench.runCommand('TorchLean: Capture Model…');
      await choose(workbench, /^Guessed/);
      assert.equal(await workbench.answer(/example input of Guessed/), '1,5');
      await workbench.until(async () => (await rows(workbench)).length === 2, 'where the shape shall stand');
      await workbench.screenshot('write');
      await choose(workbench, /Write it into the file/);
      await workbench.until(() => fs.existsSync(file('guessed.ir.json')), 'an artifact was written');
      const written = MODELS.replace('class Guessed', '# torchlean: example-shape=1,5\nclass Guessed');
      assert.equal(fs.readFileSync(file('models.py'), 'utf8'), written);
      await workbench.screenshot('written');
      await workbench.placeCursor(1, 1);
      await workbench.page.keyboard.press('Control+z');
      await workbench.page.keyboard.press('Control+s');
      await workbench.until(() => fs.readFileSync(file('models.py'), 'utf8') === MODELS, 'the edit was undone');

      // One whose shape is known is captured at once, though the file is not saved.
      await workbench.placeCursor(1, 1);
      await workbench.page.keyboard.type('# edited\n');
      await workbench.runCommand('TorchLean: Capture Model…');
      await choose(workbench, /^Known/);
      await workbench.until(() => fs.existsSync(file('known.ir.json')), 'an artifact was written');
    });
  }),

  'a failing capture is a short message that leads to the problems': sharing(async () => {
    const failing = MODELS.replace('torch.relu(', 'torch.fft.fft(').replaceAll(/class Guessed[^]*/g, '');
    const folder = folderOf('failing', { 'models.py': failing });
    await withWorkbench('failing', { folder, settings: { 'torchlean.server.path': [options.server] } }, async (workbench) => {
      await workbench.openFile('models.py');
      await workbench.lens('Capture (2,4)').click();
      const toast = workbench.page.locator('.notification-toast', { hasText: 'Show in Problems' });
      await toast.waitFor();
      const text = await toast.innerText();
      assert.ok(!text.includes(folder) && !/--[a-z]/.test(text), text);
      await workbench.screenshot('message');
      await toast.locator('.monaco-button', { hasText: 'Show in Problems' }).click();
      await workbench.page.waitForSelector('.markers-panel .monaco-list-row');
      await workbench.screenshot('problems');
    });
  }),

  'saving fixes, formats, judges, and refreshes the module, each where a setting says so': sharing(async () => {
    const broken = FIXABLE.replaceAll('\n    {', '\n\n        {');
    const folder = folderOf('saving', { 'broken.ir.json': broken, 'small.ir.json': RELU });
    const file = (name) => path.join(folder, name);
    const settings = {
      'torchlean.server.path': [options.server],
      'files.autoSave': 'off', // in a browser it is on
      'torchlean.validate': 'onSave',
      'torchlean.refreshOnSave': true,
      '[torchlean-ir]': { 'editor.formatOnSave': true, 'editor.codeActionsOnSave': { 'source.fixAll.torchlean': 'explicit' } },
    };
    await withWorkbench('saving', { folder, settings }, async (workbench) => {
      const { page } = workbench;
      await workbench.openFile('small.ir.json');
      await workbench.waitForStatus('running');
      await workbench.lens('Emit nn.Module').click();
      await workbench.until(() => fs.existsSync(file('small.py')), 'the module was written');
      assert.match(fs.readFileSync(file('small.py'), 'utf8'), /class Small\(nn\.Module\)/);
      await workbench.lens('Open small.py').click();
      await workbench.lens('Generated from small.ir.json · fresh').waitFor();
      await workbench.screenshot('module');
      await workbench.lens('Open small.ir.json').click();
      await page.waitForSelector('.tab.active[data-resource-name="small.ir.json"]');

      // An error that is typed is told when the file is saved, not before.
      await retype(workbench, RELU, 'relu', 'rleu');
      await page.waitForTimeout(1500);
      assert.equal(await page.locator('.monaco-editor .squiggly-error').count(), 0, 'judged before it was saved');
      workbench.changeSettings({ ...settings, '[torchlean-ir]': {} });
      await page.waitForTimeout(500);
      await page.keyboard.press('Control+s');
      await page.waitForSelector('.monaco-editor .squiggly-error');
      assert.ok(!fs.readFileSync(file('small.py'), 'utf8').includes('tanh'), 'refreshed from an artifact with errors');

      // Saved without errors it is the module's source again.
      await retype(workbench, RELU.replace('relu', 'rleu'), 'rleu', 'tanh');
      await page.keyboard.press('Control+s');
      await workbench.until(() => fs.readFileSync(file('small.py'), 'utf8').includes('tanh'), 'the module was refreshed');
      await workbench.screenshot('refreshed');

      // What was edited by hand stays as it is.
      const mine = `${fs.readFileSync(file('small.py'), 'utf8')}# mine\n`;
      fs.writeFileSync(file('small.py'), mine);
      await retype(workbench, RELU.replace('relu', 'tanh'), 'tanh', 'relu');
      await page.keyboard.press('Control+s');
      await workbench.until(() => /small\.py was edited by hand: it is not refreshed on save/.test(workbench.serverLog()), 'the log says why');
      assert.equal(fs.readFileSync(file('small.py'), 'utf8'), mine);

      // Fix all, and the canonical form, as a save's work.
      workbench.changeSettings(settings);
      await workbench.openFile('broken.ir.json');
      await page.keyboard.press('Control+End');
      await page.keyboard.type('\n');
      await page.keyboard.press('Control+s');
      const saved = () => fs.readFileSync(file('broken.ir.json'), 'utf8');
      await workbench.until(() => saved().includes(RIGHT_SHAPE) && !saved().includes(WRONG_SHAPE), 'fixed on save');
      await workbench.until(() => !saved().includes('\n\n'), 'formatted on save');
      assert.deepEqual(JSON.parse(saved()), JSON.parse(GOOD));
      await workbench.screenshot('fixed');
    });
  }),

  async 'a JSON file that is an artifact is shown as one, once it was asked'() {
    const folder = folderOf('marked', { 'model.json': GOOD, 'other.json': GOOD, 'plain.json': '{"a": 1}\n' });
    await withWorkbench('marked', { folder, settings: { 'torchlean.server.path': [options.server] } }, async (workbench) => {
      const language = (name) => workbench.page.locator('.statusbar-item', { hasText: name }).first();
      await workbench.openFile('plain.json');
      await language('JSON').waitFor();
      await workbench.openFile('model.json');
      await workbench.waitForNotification(/artifact.*TorchLean IR\?/);
      await workbench.screenshot('question');
      await workbench.page.locator('.notification-toast .monaco-button', { hasText: 'Switch Language' }).click();
      await language('TorchLean IR').waitFor();
      await workbench.openFile('other.json');
      await language('TorchLean IR').waitFor();
      assert.equal(await workbench.isNotified(/artifact/), false, 'asked again');
      await workbench.openFile('plain.json');
      await language('JSON').waitFor();
    });
  },
};
