// Training an artifact: what is asked, the curve as it grows, stop, resume, and what a reload leaves.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { FIXABLE, WRONG_SHAPE, RIGHT_SHAPE } from '../files.mjs';
import { folderOf, long, options, scratch, sharing, withWorkbench } from '../harness.mjs';
import { choose, fill, pageOf, rows } from '../picks.mjs';

const MODEL = FIXABLE.replace(WRONG_SHAPE, RIGHT_SHAPE);
const ENDLESS = '1000000000';

/** Answers the form: other steps than proposed. */
async function steps(workbench, number) {
  await choose(workbench, /^Amount/);
  await choose(workbench, /^Steps…/);
  await fill(workbench, number);
}

export const scenarios = {
  'training asks for its data, draws its curve, is stopped, and goes on after a reload': long(async () => {
    const samples = Array.from({ length: 64 }, (_, row) => [0, 1, 2, 3].map((at) => Math.sin(row + at)).concat([1, 0, row % 2]).join(','));
    const folder = folderOf('train', { 'model.ir.json': MODEL, 'samples.csv': samples.join('\n') });
    const file = (name) => path.join(folder, name);
    const settings = { 'torchlean.server.path': [options.server], 'torchlean.device': 'cpu' };
    await withWorkbench('train', { folder, settings }, async (workbench) => {
      await workbench.page.setViewportSize({ width: 1500, height: 900 });
      await workbench.openFile('model.ir.json');
      await workbench.waitForStatus('running');

      // Leaving a question leaves nothing.
      await workbench.runCommand('TorchLean: Train…');
      await workbench.until(async () => (await rows(workbench)).some((row) => /^synthetic.*trains nothing of use/.test(row)), 'data is asked for');
      await workbench.screenshot('data');
      await workbench.page.keyboard.press('Escape');
      await workbench.page.locator('.quick-input-widget').waitFor({ state: 'hidden' });
      assert.deepEqual(fs.readdirSync(folder).sort(), ['model.ir.json', 'samples.csv']);

      await workbench.runCommand('TorchLean: Train…');
      await choose(workbench, /^samples\.csv/);
      await steps(workbench, '400');
      await choose(workbench, /^Validation/);
      await choose(workbench, /^a fifth/);
      await choose(workbench, /^Learning rate/);
      await choose(workbench, /^Another/);
      await fill(workbench, '-1', /greater than 0/);
      await fill(workbench, '0.01');
      await workbench.until(async () => (await rows(workbench))[0] !== undefined, 'the form is back');
      await workbench.screenshot('form');
      assert.match((await rows(workbench))[0], /Start training.*samples\.csv · mse · 400 steps · 0\.01 · a fifth of the samples/s);
      await choose(workbench, /Start training/);
      await workbench.waitForNotification(/model\.ir\.json: trained 400 steps, loss .* to .*, validation/);
      const trained = file('model.trained.safetensors');
      assert.ok(fs.existsSync(trained) && !fs.existsSync(file('model.checkpoint.safetensors')), 'a run that ended keeps no checkpoint');
      const page = await pageOf(workbench, 'Finished');
      await page.locator('.chart canvas').first().waitFor();
      await workbench.screenshot('finished');

      // Another rate, beside the curve of the run before; the colours are those of the theme.
      await page.getByRole('button', { name: 'Train…' }).click();
      await choose(workbench, /^Learning rate/);
      await choose(workbench, /^Another/);
      await fill(workbench, '0.003');
      await choose(workbench, /Start training/);
      await workbench.answerDialog(/^Replace/);
      await page.locator('.u-legend', { hasText: 'last run' }).first().waitFor();
      await workbench.until(() => fs.existsSync(`${trained}.orig`), 'the second run ended');
      await pageOf(workbench, 'Finished');
      await workbench.closeNotifications();
      const color = () => page.locator('body').evaluate((body) => getComputedStyle(body).color);
      const colors = new Set([await color()]);
      for (const theme of ['Dark Modern', 'Dark High Contrast']) {
        await workbench.chooseTheme(theme);
        await workbench.until(async () => !colors.has(await color()), `the page has the colours of ${theme}`);
        colors.add(await color());
        await workbench.screenshot(theme === 'Dark Modern' ? 'dark' : 'high-contrast');
      }
      assert.match(await page.locator('[aria-live]').innerText(), /^Finished: step 400 of 400, loss /);

      // The next time Enter is enough: as last time. What was trained is used, and the file is that of the artifact then.
      const before = fs.readFileSync(trained);
      await page.getByRole('button', { name: 'Use These Parameters' }).click();
      await workbench.waitForNotification(/model\.ir\.json uses the parameters of model\.trained\.safetensors now/);
      assert.deepEqual(fs.readFileSync(file('model.params.safetensors')), before);
      await workbench.closeNotifications();
      await page.getByRole('button', { name: 'Train…' }).click();
      await workbench.until(async () => /Start training as last time/.test((await rows(workbench))[0] ?? ''), 'as last time is first');
      await workbench.screenshot('as-last-time');
      await steps(workbench, ENDLESS);
      await choose(workbench, /Start training/);
      await pageOf(workbench, 'Running');
      const step = async () => Number(((await page.locator('dl div', { hasText: 'Step' }).first().innerText()).match(/[\d,]+/) ?? ['0'])[0].replaceAll(',', ''));
      const first = await step();
      await workbench.until(async () => (await step()) > first, 'the page goes on with the training');
      await workbench.until(() => fs.existsSync(file('model.checkpoint.safetensors')), 'the run is kept');
      await page.locator('dl div', { hasText: 'Checkpoint' }).waitFor();
      await page.locator('.u-legend', { hasText: 'last run' }).first().waitFor();
      // Nothing lies over the page: the status bar says that the training goes on.
      assert.equal(await workbench.isNotified(/Training/), false);
      await workbench.screenshot('running');
      await page.getByRole('button', { name: 'Stop' }).click();
      await pageOf(workbench, 'Stopped');
      await workbench.screenshot('stopped');

      // After the window was loaded anew the page is there, with its curve, and the run goes on.
      await workbench.page.reload();
      await workbench.page.waitForSelector('.monaco-workbench .part.statusbar .statusbar-item');
      const again = await pageOf(workbench, 'Stopped');
      await again.locator('.chart canvas').first().waitFor();
      const at = Number((await again.locator('dl div', { hasText: 'Step' }).first().innerText()).match(/[\d,]+/)[0].replaceAll(',', ''));
      await workbench.screenshot('reloaded');
      await again.getByRole('button', { name: 'Resume' }).click();
      await pageOf(workbench, 'Running');
      await workbench.until(
        async () => Number((await again.locator('dl div', { hasText: 'Step' }).first().innerText()).match(/[\d,]+/)[0].replaceAll(',', '')) > at,
        'the run goes on behind the checkpoint',
      );
      await workbench.screenshot('resumed');

      // A reload while it runs ends it with its server: it is shown as one that can go on.
      await workbench.page.reload();
      await workbench.page.waitForSelector('.monaco-workbench .part.statusbar .statusbar-item');
      const last = await pageOf(workbench, 'Stopped');
      await last.getByRole('button', { name: 'Resume' }).waitFor();
      await workbench.screenshot('interrupted');
    });
  }),

  'a training is stopped from its page and by the command, and what would be lost is asked about': sharing(async () => {
    const folder = folderOf('cancel', { 'model.ir.json': MODEL });
    const settings = { 'torchlean.server.path': [options.server], 'torchlean.device': 'cpu' };
    await withWorkbench('cancel', { folder, settings }, async (workbench) => {
      await workbench.page.setViewportSize({ width: 1500, height: 900 });
      await workbench.openFile('model.ir.json');
      await workbench.waitForStatus('running');
      await workbench.runCommand('TorchLean: Show Training');
      const empty = await pageOf(workbench, 'No training yet');
      await workbench.screenshot('empty');
      assert.equal(await empty.locator('.heading:visible').count(), 0, 'there are no curves yet');
      await workbench.lens('Train…').click();
      await choose(workbench, /^synthetic/);
      await choose(workbench, /Start training/);
      await workbench.waitForNotification(/model\.ir\.json: trained 200 steps/);
      await workbench.closeNotifications();

      await workbench.runCommand('TorchLean: Train…');
      await steps(workbench, ENDLESS);
      await choose(workbench, /Start training/);
      assert.match(await workbench.answerDialog(/^Replace/, 'question'), /parameters trained for 200 steps/);
      await pageOf(workbench, 'Running');
      await workbench.page.locator('.statusbar-item', { hasText: 'Training model.ir.json' }).waitFor();
      await workbench.screenshot('progress');
      await (await pageOf(workbench, 'Running')).getByRole('button', { name: 'Stop' }).click();
      await pageOf(workbench, 'Stopped');

      await workbench.page.locator('.tab[data-resource-name="model.ir.json"]').click();
      await workbench.runCommand('TorchLean: Train…');
      await workbench.until(async () => (await rows(workbench)).some((row) => /as last time/.test(row)), 'the form');
      await choose(workbench, /as last time/);
      await workbench.answerDialog(/^Replace/);
      await pageOf(workbench, 'Running');
      await workbench.runCommand('TorchLean: Stop Running Work');
      await pageOf(workbench, 'Stopped');
      assert.ok(!fs.readdirSync(folder).some((name) => name.endsWith('.orig')), 'nothing was replaced');
      await workbench.screenshot('stopped');

      // A curve of one value is a dot.
      await workbench.runCommand('TorchLean: Train…');
      await steps(workbench, '1');
      await choose(workbench, /Start training/);
      await workbench.answerDialog(/^Replace/);
      await workbench.waitForNotification(/model\.ir\.json: trained 1 step/);
      await pageOf(workbench, 'Finished');
      await workbench.closeNotifications();
      await workbench.screenshot('one-step');
    });
  }),

  'a restart asks while a training runs, and one that nobody asked for waits until it is done': sharing(async () => {
    const folder = folderOf('kept', { 'model.ir.json': MODEL });
    const wrapper = path.join(scratch, 'another server.sh');
    fs.writeFileSync(wrapper, `#!/bin/sh\nexec '${options.server}' "$@"\n`, { mode: 0o755 });
    const settings = { 'torchlean.server.path': [options.server], 'torchlean.device': 'cpu' };
    await withWorkbench('kept', { folder, settings }, async (workbench) => {
      await workbench.page.setViewportSize({ width: 1500, height: 900 });
      await workbench.openFile('model.ir.json');
      await workbench.waitForStatus('running');
      await workbench.lens('Train…').click();
      await choose(workbench, /^synthetic/);
      await steps(workbench, ENDLESS);
      await choose(workbench, /Start training/);
      const page = await pageOf(workbench, 'Running');
      const step = async () => Number(((await page.locator('dl div', { hasText: 'Step' }).first().innerText()).match(/[\d,]+/) ?? ['0'])[0].replaceAll(',', ''));
      const goesOn = async () => {
        const before = await step();
        await workbench.until(async () => (await step()) > before, 'the training goes on');
      };

      // Whoever asks for it is asked back.
      await workbench.runCommand('TorchLean: Restart Language Server');
      assert.match(await workbench.answerDialog('Cancel', 'question'), /training of model\.ir\.json ends with the server/);
      await goesOn();
      await workbench.runCommand('TorchLean: Stop Language Server');
      assert.match(await workbench.answerDialog('Cancel'), /training of model\.ir\.json ends with the server/);
      await goesOn();

      // Also where the page of the training is closed.
      const starts = () => workbench.serverLog().match(/another server\.sh server/g)?.length ?? 0;
      workbench.changeSettings({ ...settings, 'torchlean.server.path': [wrapper] });
      await workbench.waitForNotification(/restarted for this change when the training of model\.ir\.json is done/);
      await workbench.screenshot('waits');
      await goesOn();
      assert.equal(starts(), 0, 'it was restarted');
      await workbench.page.locator('.tab', { hasText: 'Training: model.ir.json' }).locator('.codicon-close').click();
      await workbench.runCommand('TorchLean: Restart Language Server');
      await workbench.answerDialog('Cancel');
      assert.equal(starts(), 0, 'it was restarted');
      await workbench.runCommand('TorchLean: Stop Running Work');
      await workbench.until(() => starts() === 1, 'the other server is started when the training is done');
      await workbench.waitForStatus('running');
      await workbench.closeNotifications();

      // A training ends with its server where that is wanted, and its page says so.
      await workbench.page.locator('.tab[data-resource-name="model.ir.json"]').click();
      await workbench.runCommand('TorchLean: Train…');
      await choose(workbench, /as last time/);
      await pageOf(workbench, 'Running');
      await workbench.until(() => fs.existsSync(path.join(folder, 'model.checkpoint.safetensors')), 'the run is kept');
      await workbench.runCommand('TorchLean: Restart Language Server');
      await workbench.answerDialog(/^Restart/);
      await workbench.waitForNotification(/the language server ended before this was done/);
      await (await pageOf(workbench, 'Stopped')).getByRole('button', { name: 'Resume' }).waitFor();
      await workbench.screenshot('ended');
    });
  }),
};
