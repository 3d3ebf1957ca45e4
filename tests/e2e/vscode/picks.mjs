// Picks and boxes that a command asks in, and the pages of webviews.

import { PATIENCE_MS } from './workbench.mjs';

/** What a pick offers, each row with its description. */
export async function rows(workbench) {
  const texts = await workbench.page.locator('.quick-input-widget:visible .quick-input-list .monaco-list-row').allInnerTexts();
  return texts.map((text) => text.replaceAll('\u00a0', ' ').replaceAll('\n', ' ').trim());
}

/** Takes the row that says so, by keyboard. */
export async function choose(workbench, pattern) {
  let found = -1;
  await workbench.until(async () => {
    found = (await rows(workbench)).findIndex((row) => pattern.test(row));
    return found >= 0;
  }, `a row ${pattern}`);
  const list = workbench.page.locator('.quick-input-widget:visible .quick-input-list .monaco-list-row');
  const titles = () => workbench.page.locator('.quick-input-widget:visible .quick-input-title').allInnerTexts();
  const [title] = await titles();
  await list.nth(found).click();
  // Gone, or in use for the next question.
  await workbench.until(async () => {
    const [now] = await titles();
    return now !== title || !(await rows(workbench)).some((row) => pattern.test(row));
  }, `${pattern} was taken`);
}

/** Types into a box and takes it; where it is refused, says why and stays. */
export async function fill(workbench, text, refusal) {
  const input = workbench.page.locator('.quick-input-widget:visible input.input');
  await input.fill(text);
  if (refusal !== undefined) {
    const message = workbench.page.locator('.quick-input-widget:visible .quick-input-message');
    await workbench.until(async () => refusal.test(await message.innerText()), `"${text}" is refused`);
    return;
  }
  await workbench.page.keyboard.press('Enter');
}

/** The content of the webview that shows a text, once there is one. */
export async function pageOf(workbench, text) {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    for (const frame of workbench.page.frames()) {
      if (frame.name() === 'active-frame' || frame.url().includes('fake.html')) {
        const found = frame.locator('body', { hasText: text });
        if ((await found.count().catch(() => 0)) > 0) {
          return frame;
        }
      }
    }
    if (performance.now() > deadline) {
      throw new Error(`waited in vain for a page that shows "${text}"`);
    }
    await workbench.page.waitForTimeout(100);
  }
}
