// A graph goes along with its file, whatever becomes of that.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { card, openGraph, TINY } from '../graphs.mjs';
import { folderOf, options, sharing, withWorkbench } from '../harness.mjs';

export const scenarios = {
  'graph: it follows its file when that is written again, renamed, deleted, and back': sharing(async () => {
    const folder = folderOf('following', { 'tiny.ir.json': TINY, 'notes.txt': 'beside it' });
    const file = (name) => path.join(folder, name);
    const settings = { 'torchlean.server.path': [options.server] };
    await withWorkbench('following', { folder, settings }, async (workbench) => {
      const { page } = workbench;
      await workbench.openFile('notes.txt');
      const graph = await openGraph(workbench, 'tiny.ir.json');
      const kind = (name) => card(graph, '2').locator('text.title', { hasText: name });
      const message = graph.locator('#message');
      const row = (name) => page.locator(`.explorer-folders-view .monaco-list-row[aria-label^="${name}"]`);
      await kind('relu').waitFor({ state: 'attached' });
      await page.locator('.tab[data-resource-name="tiny.ir.json"] .codicon-close').click();
      await page.locator('.tab[data-resource-name="tiny.ir.json"]').waitFor({ state: 'detached' });

      // Written by whomever, while no editor has it open.
      fs.writeFileSync(file('tiny.ir.json'), TINY.replace('relu', 'tanh'));
      await kind('tanh').waitFor({ state: 'attached' });

      await row('tiny.ir.json').click({ button: 'right' });
      const rename = page.locator('.monaco-menu .action-label', { hasText: 'Rename' }).first();
      const box = page.locator('.explorer-folders-view .monaco-inputbox input');
      await workbench.until(async () => {
        // A menu takes no click right after it was opened.
        await rename.click({ timeout: 2000 }).catch(() => undefined);
        return box.waitFor({ timeout: 3000 }).then(() => true, () => false);
      }, 'the name can be edited');
      await box.fill('other.ir.json');
      await page.keyboard.press('Enter');
      await page.locator('.tab', { hasText: 'Graph: other.ir.json' }).waitFor();
      fs.writeFileSync(file('other.ir.json'), TINY.replace('relu', 'sigmoid'));
      await kind('sigmoid').waitFor({ state: 'attached' });
      assert.equal(await message.isVisible(), false);
      await workbench.screenshot('renamed');

      // Gone: it says so, and shows how it was; a click leads nowhere, and says so, too.
      fs.rmSync(file('other.ir.json'));
      await workbench.until(async () => /^other\.ir\.json was deleted\. What is shown is how it was last\.$/.test(await message.innerText()), 'the loss is told');
      await card(graph, '2').click();
      await kind('sigmoid').waitFor({ state: 'attached' });
      assert.equal(await workbench.isNotified(/./), false, 'an error lies over the page');
      await workbench.screenshot('deleted');
      fs.writeFileSync(file('other.ir.json'), TINY);
      await kind('relu').waitFor({ state: 'attached' });
      await message.waitFor({ state: 'hidden' });

      // Gone, with its text still in an editor.
      await page.locator('.tab[data-resource-name="notes.txt"]').click();
      await workbench.openFile('other.ir.json');
      fs.rmSync(file('other.ir.json'));
      await workbench.until(async () => /was deleted\. What is open in the editor is shown\./.test(await message.innerText()), 'that is told');
      await workbench.screenshot('open');
      fs.writeFileSync(file('other.ir.json'), TINY);
      await message.waitFor({ state: 'hidden' });
    });
  }),
};
