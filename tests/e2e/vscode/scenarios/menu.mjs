// The menu of the status item, and what it leads to.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { FIXABLE } from '../files.mjs';
import { folderOf, long, options, withWorkbench } from '../harness.mjs';

export const scenarios = {
  'the menu tells versions, shows the doctor, log and trace, and stops and starts the server': long(async () => {
    const folder = folderOf('menu', { 'broken.ir.json': FIXABLE });
    const settings = { 'torchlean.server.path': [options.server], 'torchlean.device': 'cpu' };
    await withWorkbench('menu', { folder, settings }, async (workbench) => {
      await workbench.openFile('broken.ir.json');
      await workbench.waitForStatus('running');
      const entries = await workbench.openMenu();
      await workbench.screenshot('menu');
      for (const entry of ['Restart Server', 'Stop Server', 'Select Interpreter', 'Versions', 'Doctor', 'Show Log', 'Copy Debug Information']) {
        assert.ok(entries.some((text) => text.includes(entry)), `no "${entry}" among ${entries.join(' | ')}`);
      }
      assert.ok(!entries.some((text) => text.includes('Set Up')), 'a server is there');
      await workbench.pick('Versions');
      await workbench.page.locator('.quick-input-widget .monaco-list-row', { hasText: 'torchlean-ls' }).waitFor();
      await workbench.screenshot('versions');
      await workbench.page.keyboard.press('Escape');

      await workbench.openMenu();
      await workbench.pick('Doctor');
      await workbench.page.waitForSelector('.tab.active[data-resource-name="TorchLean Doctor.txt"]');
      await workbench.until(async () => /Required/.test(await workbench.text()), 'the report');
      await workbench.screenshot('doctor');

      await workbench.page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
      await workbench.openMenu();
      await workbench.pick('Copy Debug');
      await workbench.waitForNotification(/debug information is in the clipboard/);
      const copied = await workbench.page.evaluate(() => navigator.clipboard.readText());
      fs.writeFileSync(path.join(workbench.output, 'menu-debug-information.txt'), copied);
      assert.match(copied, /torchlean-ls: \d/);
      assert.match(copied, /torch: \d/);
      assert.match(copied, /torchlean\.device: "cpu"/);
      assert.doesNotMatch(copied, /torchlean\.timeLimit/);
      assert.ok(!copied.includes(folder), 'the folder is told');

      await workbench.openMenu();
      await workbench.pick('Show Trace');
      await workbench.waitForNotification(/trace is switched off/);
      await workbench.answerNotification(/trace is switched off/, 'Trace Messages');
      await workbench.page.locator('.tab[data-resource-name="broken.ir.json"]').click();
      await workbench.placeCursor(7, 30);
      await workbench.until(
        async () => /textDocument\//.test(await workbench.page.locator('.output-view-container, .panel .view-lines').first().innerText()),
        'messages in the trace',
      );
      await workbench.screenshot('trace');
      assert.doesNotMatch(workbench.serverLog(), /Cancel notification|textDocument\//);

      await workbench.openMenu();
      await workbench.pick('Stop Server');
      await workbench.waitForStatus('stopped');
      await workbench.page.waitForSelector('.editor-instance .squiggly-error', { state: 'detached' });
      const stopped = await workbench.openMenu();
      assert.ok(stopped.some((text) => text.includes('Start Server')));
      await workbench.pick('Start Server');
      await workbench.waitForStatus('running');
      await workbench.page.waitForSelector('.editor-instance .squiggly-error');

      // Where a setting says that there is to be none, nothing offers to start one.
      workbench.changeSettings({ ...settings, 'torchlean.enable': false });
      await workbench.waitForStatus('disabled');
      const off = await workbench.openMenu();
      assert.ok(!off.some((text) => /Start Server|Set Up/.test(text)), `not to be there: ${off.join(' | ')}`);
      await workbench.page.keyboard.press('Escape');
      await workbench.runCommand('TorchLean: Check Artifact');
      await workbench.waitForNotification(/switched off by the setting torchlean\.enable/);
    });
  }),
};
