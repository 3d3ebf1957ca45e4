// Training an artifact.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { FIXABLE, WRONG_SHAPE, RIGHT_SHAPE } from '../files.mjs';
import { folderOf, options, withWorkbench } from '../harness.mjs';

export const scenarios = {
  async 'training shows its progress, ends with parameters, and stops when asked'() {
    const folder = folderOf('train', { 'model.ir.json': FIXABLE.replace(WRONG_SHAPE, RIGHT_SHAPE) });
    await withWorkbench('train', { folder, settings: { 'torchlean.server.path': [options.server], 'torchlean.device': 'cpu' } }, async (workbench) => {
      await workbench.openFile('model.ir.json');
      await workbench.waitForStatus('running');
      await workbench.runCommand('TorchLean: Train…');
      assert.equal(await workbench.answer(/Number of steps/, '20'), '200');
      await workbench.until(() => fs.existsSync(path.join(folder, 'model.trained.safetensors')), 'trained parameters were written');
      await workbench.waitForNotification(/trained/i);

      await workbench.runCommand('TorchLean: Train…');
      await workbench.answer(/Number of steps/, '1000000000');
      assert.match(await workbench.answerDialog(/^Replace/, 'train-question'), /parameters trained for 20 steps/);
      await workbench.waitForNotification(/Training model\.ir\.json.*loss/i);
      await workbench.screenshot('progress');
      await workbench.cancelProgress(/Training/);
      await workbench.waitForNoNotification(/Training model\.ir\.json/i);

      await workbench.runCommand('TorchLean: Train…');
      await workbench.answer(/Number of steps/, '1000000000');
      await workbench.answerDialog(/^Replace/);
      await workbench.waitForNotification(/Training model\.ir\.json.*loss/i);
      await workbench.runCommand('TorchLean: Stop Running Work');
      await workbench.waitForNoNotification(/Training model\.ir\.json.*loss/i);
      await workbench.screenshot('stopped');
    });
  },
};
