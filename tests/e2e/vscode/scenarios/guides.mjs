// What guides a newcomer: the walkthrough, menus of files, snippets, key bindings.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { FIXABLE, RIGHT_SHAPE, WRONG_SHAPE } from '../files.mjs';
import { folderOf, options, sharing, withWorkbench } from '../harness.mjs';

const manifest = JSON.parse(fs.readFileSync(path.join(import.meta.dirname, '../../../../editors/vscode/package.json'), 'utf8'));

export const scenarios = {
  async 'the walkthrough leads from nothing to a captured model, and ticks off what was done'() {
    const folder = folderOf('guided', { 'notes.txt': '' });
    await withWorkbench('guided', { folder, settings: { 'torchlean.server.path': [options.server] } }, async (workbench) => {
      // Nothing here is an artifact or a model: no server runs, and a command wakes the extension.
      await workbench.openFile('notes.txt');
      assert.equal(await workbench.page.locator('.statusbar-item[aria-label*="TorchLean"]').count(), 0);
      await workbench.page.setViewportSize({ width: 1500, height: 900 });
      // The editor learns of walkthroughs some five seconds after its start; until then it would show its own.
      const { title } = manifest.contributes.walkthroughs[0];
      await workbench.page.waitForTimeout(8000);
      await workbench.runCommand('TorchLean: Open Walkthrough');
      await workbench.page.locator('.gettingStartedContainer', { hasText: title }).waitFor();
      const steps = workbench.page.locator('.getting-started-step');
      await steps.first().waitFor();
      await workbench.waitForStatus('running');
      await workbench.screenshot('server');
      assert.equal(await steps.count(), manifest.contributes.walkthroughs[0].steps.length);

      await steps.filter({ hasText: 'A model' }).first().click();
      await workbench.page.waitForTimeout(500);
      await workbench.screenshot('model');
      await workbench.page.locator('.getting-started-step.expanded .monaco-button', { hasText: 'Create an Example Model' }).click();
      await workbench.page.waitForSelector('.tab.active[data-resource-name="tiny_mlp.py"]');
      await workbench.lens('Capture (1,4)').click();
      await workbench.until(() => fs.existsSync(path.join(folder, 'tiny_mlp.ir.json')), 'the example was captured');
      await workbench.screenshot('captured');

      await workbench.runCommand('TorchLean: Open Walkthrough');
      const done = workbench.page.locator('.getting-started-step .codicon-getting-started-step-checked.complete');
      await workbench.until(async () => (await done.count()) >= 3, 'server, model and capture are ticked off');
      await workbench.screenshot('ticked');
    });
  },

  'the menu of a file in the explorer has what is for it, and nothing where nothing is': sharing(async () => {
    const folder = folderOf('menus', { 'model.ir.json': FIXABLE.replace(WRONG_SHAPE, RIGHT_SHAPE), 'notes.txt': '' });
    await withWorkbench('menus', { folder, settings: { 'torchlean.server.path': [options.server] } }, async (workbench) => {
      await workbench.openFile('model.ir.json');
      await workbench.waitForStatus('running');
      const row = (name) => workbench.page.locator(`.explorer-folders-view .monaco-list-row[aria-label^="${name}"]`);
      const entry = (text) => workbench.page.locator('.monaco-menu .action-label', { hasText: text }).first();
      await row('notes.txt').click({ button: 'right' });
      await entry('Copy Path').waitFor();
      assert.equal(await entry('TorchLean').count(), 0);
      await workbench.page.keyboard.press('Escape');
      await row('model.ir.json').click({ button: 'right' });
      await entry('TorchLean').hover();
      await entry('Emit PyTorch Module').waitFor();
      await workbench.screenshot('explorer');
      await entry('Emit PyTorch Module').click();
      // There are no parameters yet: the message offers them, and then the module is written.
      const toast = workbench.page.locator('.notification-toast', { hasText: 'no parameter file' });
      await toast.waitFor();
      await workbench.screenshot('offer');
      await toast.locator('.monaco-button', { hasText: 'Initialize Parameters' }).click();
      await workbench.until(() => fs.existsSync(path.join(folder, 'model.py')), 'the module was written');
    });
  }),

  'a snippet gives a graph in which nothing is wrong': sharing(async () => {
    const folder = folderOf('snippet', { 'new.ir.json': '' });
    await withWorkbench('snippet', { folder, settings: { 'torchlean.server.path': [options.server] } }, async (workbench) => {
      await workbench.openFile('new.ir.json');
      await workbench.waitForStatus('running');
      await workbench.runCommand('Snippets: Insert Snippet');
      await workbench.pick('graph-classic');
      await workbench.until(async () => /torchlean\.ir\.v1/.test(await workbench.text()), 'the snippet');
      await workbench.page.keyboard.press('Escape');
      await workbench.page.locator('.codelens-decoration', { hasText: '2 nodes' }).first().waitFor();
      await workbench.screenshot('graph');
      assert.equal(await workbench.page.locator('.squiggly-error').count(), 0);
    });
  }),

  'key bindings collide with none of the editor': sharing(async () => {
    const folder = folderOf('keys', { 'model.ir.json': FIXABLE });
    await withWorkbench('keys', { folder, settings: { 'torchlean.server.path': [options.server] } }, async (workbench) => {
      await workbench.openFile('model.ir.json');
      await workbench.waitForStatus('running');
      await workbench.page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
      await workbench.runCommand('Preferences: Open Default Keyboard Shortcuts (JSON)');
      await workbench.page.waitForSelector('.tab.active[data-resource-name="keybindings.json"]');
      await workbench.page.locator('.editor-instance .monaco-editor .view-lines').first().click({ position: { x: 5, y: 5 } });
      await workbench.page.keyboard.press('Control+a');
      await workbench.page.keyboard.press('Control+c');
      const text = await workbench.page.evaluate(() => navigator.clipboard.readText());
      const bindings = JSON.parse(text.slice(text.indexOf('['), text.lastIndexOf(']') + 1));
      assert.ok(bindings.length > 500, 'all bindings');
      for (const { key, command } of manifest.contributes.keybindings) {
        const same = bindings.filter((one) => one.key === key).map((one) => one.command);
        assert.deepEqual([...new Set(same)], [command], `${key} is taken`);
        // Half of it must not be a binding by itself, else the chord is never completed.
        const [first] = key.split(' ');
        assert.deepEqual(bindings.filter((one) => one.key === first).map((one) => one.command), [], `${first} is a command`);
      }
      await workbench.page.locator('.tab[data-resource-name="model.ir.json"]').click();
      await workbench.placeCursor(6, 10);
      await workbench.page.keyboard.press('Control+k');
      await workbench.page.keyboard.press('Alt+g');
      await workbench.page.locator('.tab', { hasText: 'Graph: model.ir.json' }).first().waitFor();
    });
  }),
};
