// What a user does with an artifact.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { FIXABLE, WRONG_SHAPE, RIGHT_SHAPE } from '../files.mjs';
import { folderOf, options, sharing, withWorkbench } from '../harness.mjs';
import { fixBrokenArtifact } from '../journeys.mjs';

const GENERALIZED = `{
  "format": "torchlean.ir.v1",
  "input_id": 0,
  "output_ids": [3],
  "nodes": [
    {"id": 0, "kind": "input", "parents": [], "shape": [2, 4]},
    {"id": 1, "kind": "linear", "parents": [0], "shape": [2, 2], "out_dim": 2, "in_dim": 4,
     "weight": [[0.5, 0.25, 0.0, 1.0], [1.0, 0.0, -0.5, 2.0]], "bias": [0.0, 1.0]},
    {"id": 2, "kind": "softplus", "parents": [1], "shape": [9, 9]},
    {"id": 3, "kind": "reduce_mean", "parents": [2], "shape": [2], "axes": [1], "keepdim": false}
  ]
}
`;

const TWO_OUTPUTS = `import torch
from torch import nn


# torchlean: example-shape=2,4
class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.left = nn.Linear(4, 3)
        self.right = nn.Linear(4, 2)

    def forward(self, x):
        return {"left": self.left(x), "right": torch.relu(self.right(x))}
`;

export const scenarios = {
  'a wrong shape is underlined, and fixed by the quick fix menu': sharing(async () => {
    const folder = folderOf('fix', { 'broken.ir.json': FIXABLE });
    await withWorkbench('fix', { folder, settings: { 'torchlean.server.path': [options.server] } }, async (workbench) => {
      await fixBrokenArtifact(workbench);

      // A command saves the file first, so the fix is on disk afterwards.
      await workbench.runCommand('TorchLean: Initialize Parameters');
      await workbench.until(() => fs.existsSync(path.join(folder, 'broken.params.safetensors')), 'parameters were written');
      await workbench.runCommand('TorchLean: Emit PyTorch Module');
      await workbench.until(() => fs.existsSync(path.join(folder, 'broken.py')), 'broken.py was written');
      const text = fs.readFileSync(path.join(folder, 'broken.ir.json'), 'utf8');
      assert.ok(!text.includes(WRONG_SHAPE) && text.split(RIGHT_SHAPE).length === 3, `not fixed on disk:\n${text}`);
      await workbench.waitForNotification(/broken\.py/);
      await workbench.screenshot('emitted');

      const starts = () => workbench.serverLog().split('[info] Starting ').length;
      const before = starts();
      await workbench.runCommand('TorchLean: Restart Language Server');
      await workbench.until(() => starts() === before + 1, 'another start');
      await workbench.waitForStatus('running');
    });
  }),

  'a kind that is typed narrows the suggestions, and Enter inserts it': sharing(async () => {
    const text = FIXABLE.replace(WRONG_SHAPE, RIGHT_SHAPE).replace('3]}\n  ]', '3]},\n    {"id": 3, "kind": \n  ]');
    const folder = folderOf('typing', { 'net.ir.json': text });
    await withWorkbench('typing', { folder, settings: { 'torchlean.server.path': [options.server] } }, async (workbench) => {
      await workbench.openFile('net.ir.json');
      await workbench.waitForStatus('running');
      const before = text.slice(0, text.indexOf('"kind": \n') + 8).split('\n');
      await workbench.placeCursor(before.length, before.at(-1).length + 1);
      await workbench.page.keyboard.type('"');
      await workbench.page.locator('.suggest-widget.visible .monaco-list-row').first().waitFor();
      await workbench.page.keyboard.type('lin', { delay: 50 });
      const rows = workbench.page.locator('.suggest-widget.visible .monaco-list-row');
      await workbench.until(async () => /^linear/.test(await rows.first().innerText()), 'linear is the first suggestion');
      assert.ok((await rows.count()) < 5, 'the suggestions were not narrowed');
      await workbench.screenshot('narrowed');
      await workbench.page.keyboard.press('Enter');
      await workbench.page.keyboard.press('Control+s');
      const saved = () => fs.readFileSync(path.join(folder, 'net.ir.json'), 'utf8');
      await workbench.until(() => /"id": 3, "kind": "linear"/.test(saved()), 'linear was inserted');
    });
  }),

  'an artifact of the generalized dialect is fixed, converted and captured like any other': sharing(async () => {
    const folder = folderOf('general', {
      'g.ir.json': GENERALIZED,
      'two.py': TWO_OUTPUTS,
      'torchlean.toml': 'dialect = "generalized"\n',
    });
    const settings = { 'torchlean.server.path': [options.server] };
    await withWorkbench('general', { folder, settings }, async (workbench) => {
      await workbench.openFile('g.ir.json');
      await workbench.page.waitForSelector('.monaco-editor .squiggly-error');
      const before = GENERALIZED.slice(0, GENERALIZED.indexOf(WRONG_SHAPE)).split('\n');
      await workbench.placeCursor(before.length, before.at(-1).length + 2);
      await workbench.openQuickFixes();
      await workbench.screenshot('quick-fix');
      await workbench.chooseAction(/set shape/i);
      await workbench.page.waitForSelector('.monaco-editor .squiggly-error', { state: 'detached' });
      await workbench.runCommand('TorchLean: Convert to the Other Dialect');
      const classic = path.join(folder, 'g.classic.ir.json');
      await workbench.until(() => fs.existsSync(classic), 'g.classic.ir.json was written');
      assert.ok(fs.readFileSync(classic, 'utf8').includes('"output_id": '), 'it is classic');
      await workbench.screenshot('converted');
      await workbench.runCommand('TorchLean: Emit PyTorch Module');
      await workbench.until(() => fs.existsSync(path.join(folder, 'g.py')), 'g.py was written');

      await workbench.openFile('two.py');
      await workbench.lens('Capture (2,4)').click();
      const captured = path.join(folder, 'two.ir.json');
      await workbench.until(() => fs.existsSync(captured), 'two.ir.json was written');
      assert.ok(fs.readFileSync(captured, 'utf8').includes('"output_ids": ['), 'both outputs are in it');
      await workbench.screenshot('captured');
    });
  }),
};
