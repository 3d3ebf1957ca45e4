// What more than one scenario does.
import { FIXABLE, WRONG_SHAPE } from './files.mjs';

/** The journey every release has to survive: see the error, fix it by the menu, see it gone. */
export async function fixBrokenArtifact(workbench) {
  await workbench.openFile('broken.ir.json');
  await workbench.page.waitForSelector('.monaco-editor .squiggly-error');
  const before = FIXABLE.slice(0, FIXABLE.indexOf(WRONG_SHAPE)).split('\n');
  await workbench.placeCursor(before.length, before.at(-1).length + 2);
  await workbench.openQuickFixes();
  await workbench.screenshot('quick-fix');
  await workbench.chooseAction(/set shape/i);
  await workbench.page.waitForSelector('.monaco-editor .squiggly-error', { state: 'detached' });
  await workbench.screenshot('fixed');
}

/** Types another kind over the one that a node has, in a text that is saved as `text`. */
export async function retype(workbench, text, kind, by) {
  const before = text.slice(0, text.indexOf(`"${kind}"`) + kind.length + 1).split('\n');
  await workbench.placeCursor(before.length, before.at(-1).length + 1);
  for (const _ of kind) {
    await workbench.page.keyboard.press('Backspace');
  }
  await workbench.page.keyboard.type(by);
  await workbench.page.keyboard.press('Escape');
  await workbench.page.waitForSelector('.tab.active.dirty');
}
