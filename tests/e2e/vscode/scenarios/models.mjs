// What a user does with a Python file.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { folderOf, options, sharing, withWorkbench } from '../harness.mjs';
import { choose } from '../picks.mjs';

const EXACT_GELU = `import torch
from torch import nn


# torchlean: example-shape=2,4
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 8)
        self.act = nn.GELU()

    def forward(self, x):
        return self.act(self.fc(x))
`;

const EXAMPLE = path.join(import.meta.dirname, '../../../../examples/tiny_mlp.py');

const LIVE_MODEL = `import torch
from torch import nn


# torchlean: example-shape=1,4
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 8)
        self.act = nn.GELU()
        self.out = nn.Linear(8, 2)

    def forward(self, x):
        h = self.fc(x)
        h = self.act(h)
        y = self.out(h)
        return torch.softmax(y, 1)
`;

/** An interpreter as a project has one: with torch, and without what the language server needs. */
function bareInterpreter() {
  const folder = folderOf('bare', {
    'without/sitecustomize.py': `import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if path is None and name in {'msgspec', 'pathspec', 'rich', 'ruff', 'torchlean_core'}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
`,
  });
  const program = path.join(folder, 'python');
  const python = path.join(path.dirname(options.server), 'python');
  fs.writeFileSync(program, `#!/bin/sh\nPYTHONPATH='${folder}/without' exec '${python}' "$@"\n`, { mode: 0o755 });
  return program;
}

export const scenarios = {
  'a Python model shows its shapes, what has no exact form, and how it stands, renewed on save': sharing(async () => {
    const folder = folderOf('python', { 'model.py': LIVE_MODEL });
    const file = (name) => path.join(folder, name);
    const settings = { 'torchlean.server.path': [options.server], 'torchlean.captureOnSave': true };
    await withWorkbench('python', { folder, settings }, async (workbench) => {
      await workbench.openFile('model.py');
      await workbench.waitForStatus('running');
      await workbench.state('no artifact').waitFor();
      await workbench.lens('Capture (1,4)').click();

      // Shapes at the ends of the lines, and the GELU underlined: the capture was refused, and tells what it saw.
      await workbench.page.waitForSelector('.monaco-editor .squiggly-error');
      await workbench.state('failing: 1 finding').waitFor();
      await workbench.until(async () => /h = self\.fc\(x\).*\[1, 8\]/.test(await workbench.text()), 'a shape at a line end');
      await workbench.closeNotifications();
      await workbench.screenshot('shapes');
      assert.ok(!fs.existsSync(file('net.ir.json')), 'an artifact of a refused model was written');

      // Ctrl+. under the expression; saving captures again.
      const before = LIVE_MODEL.slice(0, LIVE_MODEL.indexOf('self.act(h)')).split('\n');
      await workbench.placeCursor(before.length, before.at(-1).length + 7);
      await workbench.openQuickFixes();
      await workbench.screenshot('fixes');
      await workbench.chooseAction(/approximate="tanh"/i);
      await workbench.page.waitForSelector('.monaco-editor .squiggly-error', { state: 'detached' });
      await workbench.page.keyboard.press('Control+s');
      await workbench.until(() => fs.existsSync(file('net.ir.json')), 'saving captured the model');
      await workbench.state('fresh').waitFor();

      // A plain Ctrl+. on the class offers the capture.
      const head = LIVE_MODEL.slice(0, LIVE_MODEL.indexOf('class Net')).split('\n').length;
      await workbench.placeCursor(head, 8);
      await workbench.openQuickFixes();
      await workbench.screenshot('class-actions');
      await workbench.chooseAction(/^Capture Net \(1,4\) and emit/);
      await workbench.until(() => fs.existsSync(file('net.py')), 'the module was written');
      await workbench.lens('Open net.py').waitFor();

      await workbench.page.locator('.view-line', { hasText: 'self.fc(x)' }).locator('span', { hasText: /^fc$|self\.fc/ }).first().hover();
      await workbench.page.locator('.monaco-hover', { hasText: '[1, 8]' }).waitFor();
      await workbench.screenshot('hover');
      await workbench.page.keyboard.press('Escape');

      // From the lens to the artifact, and from its node back to the expression.
      await workbench.lens('Open net.ir.json').click();
      await workbench.page.waitForSelector('.tab.active[data-resource-name="net.ir.json"]');
      const artifact = fs.readFileSync(file('net.ir.json'), 'utf8');
      const line = artifact.slice(0, artifact.indexOf('"linear"')).split('\n');
      await workbench.placeCursor(line.length, line.at(-1).length + 3);
      await workbench.page.keyboard.press('F12');
      await workbench.page.waitForSelector('.tab.active[data-resource-name="model.py"]');
      await workbench.screenshot('back');

      // A change of meaning from outside makes the class stale; a comment does not.
      fs.writeFileSync(file('model.py'), fs.readFileSync(file('model.py'), 'utf8').replace('class Net', '# a comment\nclass Net'));
      await workbench.until(async () => /# a comment/.test(await workbench.text()), 'the editor took the change');
      await workbench.state('fresh').waitFor();
      fs.writeFileSync(file('model.py'), fs.readFileSync(file('model.py'), 'utf8').replace('nn.Linear(8, 2)', 'nn.Linear(8, 3)'));
      await workbench.state('stale').waitFor();
      await workbench.screenshot('stale');
    });
  }),

  'a model without an example shape is captured from its lens, with a guess of the shape': sharing(async () => {
    const folder = folderOf('asked', { 'model.py': LIVE_MODEL.replace(/# torchlean.*\n/, '').replace('nn.GELU()', 'nn.ReLU()') });
    await withWorkbench('asked', { folder, settings: { 'torchlean.server.path': [options.server] } }, async (workbench) => {
      await workbench.openFile('model.py');
      await workbench.lens('Capture…').click();
      assert.equal(await workbench.answer(/example input of Net/), '1,4');
      await choose(workbench, /this time only/);
      await workbench.until(() => fs.existsSync(path.join(folder, 'net.ir.json')), 'an artifact was written');
      await workbench.until(async () => /h = self\.fc\(x\).*\[1, 8\]/.test(await workbench.text()), 'a shape at a line end');
    });
  }),

  "nothing of a user's is replaced without a question, also from an interpreter that has torch alone": sharing(async () => {
    const folder = folderOf('work', { 'tiny_mlp.py': fs.readFileSync(EXAMPLE, 'utf8') });
    const file = (name) => path.join(folder, name);
    const settings = { 'torchlean.server.path': [options.server], 'torchlean.python.interpreter': bareInterpreter() };
    await withWorkbench('work', { folder, settings }, async (workbench) => {
      await workbench.openFile('tiny_mlp.py');
      await workbench.waitForStatus('running');
      await workbench.runCommand('TorchLean: Capture Model…');
      await workbench.until(() => fs.existsSync(file('tiny_mlp.ir.json')), 'an artifact was written');

      // The model has the name that a generated module would have: it is no stale module.
      await workbench.openFile('tiny_mlp.ir.json');
      await workbench.lens('Emit nn.Module').waitFor();
      assert.equal(await workbench.lens('Refresh').count(), 0);
      await workbench.screenshot('lenses');

      const captured = fs.readFileSync(file('tiny_mlp.params.safetensors'));
      await workbench.lens('Initialize again').click();
      const asked = await workbench.answerDialog(/^Replace \(keeps tiny_mlp\.params\.safetensors\.orig\)/, 'question');
      assert.match(asked, /weights captured from TinyMLP/);
      await workbench.until(() => fs.existsSync(file('tiny_mlp.params.safetensors.orig')), 'the weights were kept');
      assert.deepEqual(fs.readFileSync(file('tiny_mlp.params.safetensors.orig')), captured);
      await workbench.waitForNotification(/kept as tiny_mlp\.params\.safetensors\.orig/);

      await workbench.lens('Emit nn.Module').click();
      await workbench.until(() => fs.existsSync(file('tiny_mlp_module.py')), 'the module was written beside the model');

      const edited = fs.readFileSync(file('tiny_mlp.ir.json'), 'utf8').replace('"relu"', '"tanh"');
      fs.writeFileSync(file('tiny_mlp.ir.json'), edited);
      await workbench.openFile('tiny_mlp.py');
      await workbench.runCommand('TorchLean: Capture Model…');
      assert.match(await workbench.answerDialog(/^Replace/, 'edited'), /an artifact that was edited by hand/);
      await workbench.until(() => fs.existsSync(file('tiny_mlp.ir.json.orig')), 'the edited artifact was kept');
      assert.equal(fs.readFileSync(file('tiny_mlp.ir.json.orig'), 'utf8'), edited);
    });
  }),

  // The file that allows it is written into the folder that is open.
  async 'an exact GELU is allowed from its finding and captured'() {
    const folder = folderOf('gelu', { 'gelu.py': EXACT_GELU });
    const settings = { 'torchlean.server.path': [options.server] };
    await withWorkbench('gelu', { folder, settings }, async (workbench) => {
      await workbench.openFile('gelu.py');
      await workbench.lens('Capture (2,4)').click();
      await workbench.page.waitForSelector('.monaco-editor .squiggly-error');
      await workbench.screenshot('refused');
      const before = EXACT_GELU.slice(0, EXACT_GELU.indexOf('self.act(')).split('\n');
      await workbench.placeCursor(before.length, before.at(-1).length + 2);
      await workbench.openQuickFixes();
      await workbench.screenshot('quick-fix');
      await workbench.chooseAction(/gelu=erf/);
      const allowed = path.join(folder, 'torchlean.toml');
      // The editor makes the file first, and writes into it then.
      await workbench.until(() => fs.existsSync(allowed) && fs.readFileSync(allowed, 'utf8').includes('gelu=erf'), 'torchlean.toml was written');
      await workbench.lens('Capture again (2,4)').click();
      const artifact = path.join(folder, 'net.ir.json');
      await workbench.until(() => fs.existsSync(artifact), 'net.ir.json was written');
      assert.ok(fs.readFileSync(artifact, 'utf8').includes('"form": "erf"'), 'what stands for what is marked');
      await workbench.screenshot('captured');
    });
  },
};
