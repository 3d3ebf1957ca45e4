// Drives the extension in a real VS Code workbench: code-server, opened in headless Chromium. Started by run.sh.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';
import { Workbench, installExtension } from './workbench.mjs';

const FIXABLE = `{
  "format": "torchlean.ir.v1",
  "input_id": 0,
  "output_id": 2,
  "nodes": [
    {"id": 0, "kind": "input", "parents": [], "shape": [1, 4]},
    {"id": 1, "kind": "linear", "parents": [0], "shape": [1, 3]},
    {"id": 2, "kind": "relu", "parents": [1], "shape": [9, 9]}
  ]
}
`;
const WRONG_SHAPE = '[9, 9]';
const RIGHT_SHAPE = '[1, 3]';

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

const { values: options } = parseArgs({
  options: Object.fromEntries(
    ['code-server', 'playwright', 'browser', 'server', 'vsix', 'output', 'only'].map((name) => [name, { type: 'string' }]),
  ),
});
const { chromium } = createRequire(import.meta.url)(options.playwright);
const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'torchlean-workbench-'));
const common = { codeServer: options['code-server'], scratch, output: options.output };

const MODEL = `import torch
from torch import nn


class Helper:
    pass


class TinyNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 3)

    def forward(self, x):
        return torch.relu(self.fc(x))
`;

const EXAMPLE = path.join(import.meta.dirname, '../../../examples/tiny_mlp.py');

/** An interpreter as a project has one: with torch, and without what the language server needs. */
function bareInterpreter() {
  const folder = folderOf('bare', {
    'without/sitecustomize.py': `import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if path is None and name in {'lsprotocol', 'msgspec', 'pathspec', 'pygls', 'rich', 'ruff', 'torchlean_core'}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
`,
  });
  const program = path.join(folder, 'python');
  const python = path.join(path.dirname(options.server), 'python');
  fs.writeFileSync(program, `#!/bin/sh\nPYTHONPATH='${folder}/without' exec '${python}' "$@"\n`, { mode: 0o755 });
  return program;
}

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

/** A new folder with the given files in it. */
function folderOf(name, files) {
  const folder = path.join(scratch, name);
  for (const [file, text] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
    fs.writeFileSync(path.join(folder, file), text);
  }
  return folder;
}

/** The journey every release has to survive: see the error, fix it by the menu, see it gone. */
async function fixBrokenArtifact(workbench) {
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

const scenarios = {
  async 'a wrong shape is underlined, and fixed by the quick fix menu'() {
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

      await workbench.runCommand('TorchLean: Restart Language Server');
      await workbench.until(() => workbench.serverLog().split('[info] Starting ').length === 3, 'a second start');
      await workbench.waitForStatus('running');
    });
  },

  async 'a model is captured from its Python file, with the answers to two questions'() {
    const folder = folderOf('capture', { 'model.py': MODEL });
    await withWorkbench('capture', { folder, settings: { 'torchlean.server.path': [options.server] } }, async (workbench) => {
      await workbench.openFile('model.py');
      await workbench.waitForStatus('running');
      await workbench.runCommand('TorchLean: Capture Model…');
      assert.equal(await workbench.answer(/class/), 'TinyNet');
      await workbench.screenshot('question');
      assert.equal(await workbench.answer(/example input/, '1, 4'), '');
      const artifact = () => fs.readdirSync(folder).find((name) => name.endsWith('.ir.json'));
      await workbench.until(artifact, 'an artifact was written');
      await workbench.waitForNotification(/\.ir\.json/);
      await workbench.screenshot('captured');
      const { nodes } = JSON.parse(fs.readFileSync(path.join(folder, artifact()), 'utf8'));
      assert.deepEqual(nodes.map((node) => node.kind), ['input', 'linear', 'relu']);
    });
  },

  async 'a Python model shows its shapes, what has no exact form, and how it stands, renewed on save'() {
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
  },

  async 'a model without an example shape is captured from its lens, with a guess of the shape'() {
    const folder = folderOf('asked', { 'model.py': LIVE_MODEL.replace(/# torchlean.*\n/, '').replace('nn.GELU()', 'nn.ReLU()') });
    await withWorkbench('asked', { folder, settings: { 'torchlean.server.path': [options.server] } }, async (workbench) => {
      await workbench.openFile('model.py');
      await workbench.lens('Capture…').click();
      assert.equal(await workbench.answer(/example input of Net/), '1,4');
      await workbench.until(() => fs.existsSync(path.join(folder, 'net.ir.json')), 'an artifact was written');
      await workbench.until(async () => /h = self\.fc\(x\).*\[1, 8\]/.test(await workbench.text()), 'a shape at a line end');
    });
  },

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

  async "nothing of a user's is replaced without a question, also from an interpreter that has torch alone"() {
    const folder = folderOf('work', { 'tiny_mlp.py': fs.readFileSync(EXAMPLE, 'utf8') });
    const file = (name) => path.join(folder, name);
    const settings = { 'torchlean.server.path': [options.server], 'torchlean.python.interpreter': bareInterpreter() };
    await withWorkbench('work', { folder, settings }, async (workbench) => {
      await workbench.openFile('tiny_mlp.py');
      await workbench.waitForStatus('running');
      await workbench.runCommand('TorchLean: Capture Model…');
      await workbench.answer(/class/);
      await workbench.answer(/example input/);
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
      await workbench.answer(/class/);
      await workbench.answer(/example input/);
      assert.match(await workbench.answerDialog(/^Replace/, 'edited'), /an artifact that was edited by hand/);
      await workbench.until(() => fs.existsSync(file('tiny_mlp.ir.json.orig')), 'the edited artifact was kept');
      assert.equal(fs.readFileSync(file('tiny_mlp.ir.json.orig'), 'utf8'), edited);
    });
  },

  async 'a kind that is typed narrows the suggestions, and Enter inserts it'() {
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
  },

  async 'negative control: without a server the same journey fails, with a message'() {
    const folder = folderOf('negative', { 'broken.ir.json': FIXABLE });
    await withWorkbench('negative', { folder, settings: { 'torchlean.server.path': ['/bin/false'] } }, async (workbench) => {
      await workbench.openFile('broken.ir.json');
      await workbench.waitForNotification(/language server did not start.*\/bin\/false.*exited with code 1/i);
      await workbench.waitForStatus('failed');
      await workbench.screenshot('no-server');
      workbench.page.setDefaultTimeout(3000);
      await assert.rejects(fixBrokenArtifact(workbench), /Timeout.*squiggly-error/s, 'underlined without a server');
    });
  },

  async 'a server that dies is started again, and one that is missing is named'() {
    const folder = folderOf('crash', { 'broken.ir.json': FIXABLE });
    const pid = path.join(scratch, 'server.pid');
    const wrapper = path.join(scratch, 'server with a name.sh');
    fs.writeFileSync(wrapper, `#!/bin/sh\necho $$ > '${pid}'\nexec '${options.server}' "$@"\n`, { mode: 0o755 });
    await withWorkbench('crash', { folder, settings: { 'torchlean.server.path': wrapper } }, async (workbench) => {
      await workbench.openFile('broken.ir.json');
      await workbench.page.waitForSelector('.monaco-editor .squiggly-error');
      const first = fs.readFileSync(pid, 'utf8');
      process.kill(Number(first), 'SIGKILL');
      await workbench.until(() => ![first, ''].includes(fs.readFileSync(pid, 'utf8')), 'a second process');
      await workbench.waitForStatus('running');
      await workbench.page.waitForSelector('.monaco-editor .squiggly-error');

      workbench.changeSettings({ 'torchlean.server.path': '/nowhere/torchlean' });
      await workbench.waitForNotification(/did not start.*\/nowhere\/torchlean.*not an executable file/i);
      await workbench.waitForStatus('failed');
      await workbench.page.waitForSelector('.monaco-editor .squiggly-error', { state: 'detached' });

      workbench.changeSettings({ 'torchlean.server.path': [options.server], 'torchlean.enable': false });
      await workbench.waitForStatus('disabled');
      workbench.changeSettings({ 'torchlean.server.path': [options.server] });
      await workbench.waitForStatus('running');
      await workbench.page.waitForSelector('.monaco-editor .squiggly-error');
    });
  },

  async 'an untrusted workspace is checked and nothing of it is run, until it is trusted'() {
    const ran = path.join(scratch, 'ran');
    const model = `import pathlib
import torch
pathlib.Path(${JSON.stringify(`${ran}-model`)}).touch()


# torchlean: example-shape=1,4
class Model(torch.nn.Module):
    pass
`;
    const folder = folderOf('untrusted', {
      'broken.ir.json': FIXABLE,
      'model.py': model,
      'server.sh': `#!/bin/sh\ntouch '${ran}-server'\nexec '${options.server}' "$@"\n`,
      '.vscode/settings.json': JSON.stringify({
        'torchlean.server.path': ['${workspaceFolder}/server.sh'],
        'torchlean.captureOnSave': true,
      }),
    });
    fs.chmodSync(path.join(folder, 'server.sh'), 0o755);
    const settings = { 'torchlean.server.path': [options.server], 'security.workspace.trust.startupPrompt': 'never' };
    await withWorkbench('untrusted', { folder, settings, trust: true }, async (workbench) => {
      await workbench.openFile('model.py');
      await workbench.waitForStatus('running');
      await workbench.page.keyboard.press('Control+Home');
      await workbench.page.keyboard.type('# edited\n');
      await workbench.page.keyboard.press('Control+s');
      await workbench.page.waitForSelector('.tab.active:not(.dirty)');
      // How the model stands is told; what would run it is not offered.
      await workbench.state('no artifact').waitFor();
      assert.equal(await workbench.lens('Capture').count(), 0);

      await workbench.openFile('broken.ir.json');
      await workbench.page.waitForSelector('.monaco-editor .squiggly-error');
      await workbench.screenshot('untrusted');
      assert.ok(!fs.existsSync(`${ran}-server`), 'the server named by the workspace was run');
      assert.ok(!fs.existsSync(`${ran}-model`), 'the model file of the workspace was run');

      await workbench.grantTrust();
      await workbench.until(() => fs.existsSync(`${ran}-server`), 'the server named by the trusted workspace was run');
      await workbench.waitForStatus('running');
      assert.ok(!fs.existsSync(`${ran}-model`), 'trusting the workspace ran its model file');
    });
  },

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
      await workbench.until(() => fs.existsSync(allowed), 'torchlean.toml was written');
      await workbench.lens('Capture again (2,4)').click();
      const artifact = path.join(folder, 'net.ir.json');
      await workbench.until(() => fs.existsSync(artifact), 'net.ir.json was written');
      assert.ok(fs.readFileSync(artifact, 'utf8').includes('"form": "erf"'), 'what stands for what is marked');
      await workbench.screenshot('captured');
    });
  },

  async 'an artifact of the generalized dialect is fixed, converted and captured like any other'() {
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
  },
};

async function withWorkbench(name, settings, body) {
  const browser = await chromium.launch({
    executablePath: options.browser,
    headless: true,
    args: '--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync'.split(' '),
  });
  const workbench = new Workbench({ ...common, ...settings, name });
  running.add(workbench);
  try {
    await workbench.start(browser);
    await body(workbench);
  } catch (error) {
    await workbench.screenshot('failure').catch(() => undefined);
    throw error;
  } finally {
    workbench.saveLogs();
    await browser.close();
    await workbench.stop();
    running.delete(workbench);
  }
}

// An interrupted run takes its editor along: that one has a process group of its own.
const running = new Set();
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    for (const workbench of running) {
      workbench.kill();
    }
    fs.rmSync(scratch, { recursive: true, force: true });
    process.exit(130);
  });
}

const chosen = Object.entries(scenarios).filter(([name]) => name.includes(options.only ?? ''));
if (chosen.length === 0) {
  throw new Error(`no scenario has "${options.only}" in its name`);
}
let failures = 0;
try {
  installExtension(common, options.vsix);
  for (const [name, scenario] of chosen) {
    const begin = performance.now();
    try {
      await scenario();
      console.log(`ok      ${name} (${((performance.now() - begin) / 1000).toFixed(1)} s)`);
    } catch (error) {
      failures += 1;
      console.log(`FAILED  ${name}\n${error.stack}`);
    }
  }
} finally {
  fs.rmSync(scratch, { recursive: true, force: true, maxRetries: 5 });
}
process.exitCode = failures === 0 ? 0 : 1;
