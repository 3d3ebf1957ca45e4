// Pages of the extension among the tabs of a window.
import { TINY } from '../graphs.mjs';
import { folderOf, options, sharing, withWorkbench } from '../harness.mjs';

export const scenarios = {
  'an artifact has one graph and one training page, also where they were hidden when the window was loaded anew': sharing(async () => {
    const folder = folderOf('pages', { 'tiny.ir.json': TINY, 'notes.txt': 'over the pages' });
    const settings = { 'torchlean.server.path': [options.server] };
    await withWorkbench('pages', { folder, settings }, async (workbench) => {
      const tabs = (title) => workbench.page.locator('.tab', { hasText: `${title}: tiny.ir.json` });
      const text = workbench.page.locator('.tab[data-resource-name="tiny.ir.json"]');
      const show = async (title) => {
        await text.click();
        await workbench.runCommand(`TorchLean: Show ${title}`);
        await tabs(title).last().waitFor();
      };
      await workbench.openFile('tiny.ir.json');
      await workbench.waitForStatus('running');
      await show('Training');
      await show('Graph');
      await tabs('Graph').click();
      await workbench.openFile('notes.txt');

      await workbench.reload();
      await tabs('Training').waitFor();
      await workbench.waitForStatus('running');
      for (const title of ['Training', 'Graph']) {
        // What is hidden is not filled yet: another one is opened, until its user looks at the first.
        await show(title);
        await workbench.until(async () => (await tabs(title).count()) === 2, `another page: ${title}`);
        await workbench.screenshot(`two-${title.toLowerCase()}`);
        await tabs(title).first().click();
        await workbench.until(async () => (await tabs(title).count()) === 1, `one page: ${title}`);
      }
      await workbench.screenshot('one');
    });
  }),
};
