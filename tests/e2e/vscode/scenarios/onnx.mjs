// ONNX files: captured from the explorer, by command and into an empty artifact; what is shown of the nodes.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { folderOf, options, serverPython, sharing, withWorkbench } from '../harness.mjs';

/** Writes a small network: a matrix and a bias, and the function that is named. */
const WRITE = `
import sys
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

file, kind = sys.argv[1:]
tensors = [
    numpy_helper.from_array(np.full((3, 4), 0.5, dtype=np.float32), "fc.weight"),
    numpy_helper.from_array(np.ones(3, dtype=np.float32), "fc.bias"),
]
nodes = [
    helper.make_node("Gemm", ["image", "fc.weight", "fc.bias"], ["hidden"], "fc", transB=1),
    helper.make_node(kind, ["hidden"], ["scores"], "last"),
]
graph = helper.make_graph(
    nodes,
    "net",
    [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 4])],
    [helper.make_tensor_value_info("scores", TensorProto.FLOAT, None)],
    tensors,
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
onnx.save(onnx.shape_inference.infer_shapes(model), file)
`;

function network(folder, name, kind = 'Relu') {
  execFileSync(serverPython(), ['-c', WRITE, path.join(folder, name), kind]);
}

const row = (workbench, name) => workbench.page.locator(`.explorer-folders-view .monaco-list-row[aria-label^="${name}"]`);
const entry = (workbench, text) => workbench.page.locator('.monaco-menu .action-label', { hasText: text }).first();

/** Again where the editor says that there are none: it does so while a file that was just opened is looked at. */
async function openSourceActions(workbench) {
  const action = workbench.page.locator('.action-widget .monaco-list-row.action').first();
  await workbench.until(async () => {
    await workbench.runCommand('Source Action...');
    return action.waitFor({ timeout: 5000 }).then(() => true, () => false);
  }, 'source actions are shown');
}

/** Opens the menu of a file in the explorer at the entry, which can be taken once the menu stands still; menus are there once the editor has read the extension. */
async function openMenu(workbench, name) {
  await workbench.until(async () => {
    await row(workbench, name).click({ button: 'right' });
    const found = await entry(workbench, 'TorchLean').waitFor({ timeout: 2000 }).then(() => true, () => false);
    if (!found) {
      await workbench.page.keyboard.press('Escape');
    }
    return found;
  }, 'the menu has the entry');
  await entry(workbench, 'TorchLean').hover();
  await entry(workbench, 'Capture ONNX File').waitFor();
  await workbench.screenshot('menu');
}

const settings = { 'torchlean.server.path': [options.server], 'torchlean.warmWorker': false };

export const scenarios = {
  'an ONNX file is captured from the explorer, and a node tells what it is in the file': sharing(async () => {
    const folder = folderOf('onnx', { 'notes.txt': '' });
    network(folder, 'net.onnx');
    await withWorkbench('onnx', { folder, settings }, async (workbench) => {
      await openMenu(workbench, 'net.onnx');
      await entry(workbench, 'Capture ONNX File').click();
      await workbench.until(() => fs.existsSync(path.join(folder, 'net.ir.json')), 'the file was captured');
      await workbench.waitForNotification(/net\.ir\.json/);
      await workbench.screenshot('captured');
      await workbench.closeNotifications();

      await workbench.openFile('net.ir.json');
      await workbench.placeCursor(8, 25);
      await workbench.runCommand('Show or Focus Hover');
      const hover = workbench.page.locator('.monaco-hover', { hasText: 'in the ONNX file' });
      await hover.waitFor();
      await workbench.screenshot('hover');
      assert.match(await hover.innerText(), /node fc, output hidden/);

      // Another network in the file: the artifact says so, and is captured again.
      network(folder, 'net.onnx', 'Tanh');
      const problems = workbench.page.locator('.statusbar-item[aria-label*="Warnings: 1"]');
      await problems.waitFor();
      await openSourceActions(workbench);
      await workbench.screenshot('again');
      await workbench.chooseAction(/Capture net\.onnx again/);
      await workbench.until(() => fs.readFileSync(path.join(folder, 'net.ir.json'), 'utf8').includes('"tanh"'), 'it was captured again');
    });
  }),

  'an empty artifact offers the ONNX files beside it': sharing(async () => {
    const folder = folderOf('onnx-here', { 'new.ir.json': '' });
    network(folder, 'net.onnx');
    await withWorkbench('onnx-here', { folder, settings }, async (workbench) => {
      await workbench.openFile('new.ir.json');
      await workbench.page.waitForSelector('.editor-instance .squiggly-error'); // the server has seen it
      await openSourceActions(workbench);
      await workbench.screenshot('offer');
      await workbench.chooseAction(/Capture net\.onnx here/);
      await workbench.until(async () => /"relu"/.test(await workbench.text()), 'the captured graph');
      await workbench.screenshot('captured');
    });
  }),

  'an ONNX file is captured by the command of the palette': sharing(async () => {
    const folder = folderOf('onnx-command', { 'notes.txt': '', 'sub/notes.txt': '' });
    network(folder, 'sub/net.onnx');
    await withWorkbench('onnx-command', { folder, settings }, async (workbench) => {
      await workbench.openFile('notes.txt');
      await workbench.page.waitForTimeout(5000); // the palette has no command of an extension before the editor has read it
      await workbench.runCommand('TorchLean: Capture ONNX File');
      // The editor of this test cannot list files (see `openFile`), so one is asked for.
      await workbench.page.locator('.quick-input-widget:visible input.input').waitFor();
      await workbench.screenshot('asked');
      const input = workbench.page.locator('.quick-input-widget:visible input.input');
      await input.fill(path.join(folder, 'sub/net.onnx'));
      await workbench.page.locator('.quick-input-widget:visible .monaco-list-row', { hasText: 'net.onnx' }).waitFor();
      await workbench.page.keyboard.press('Enter');
      await workbench.until(() => fs.existsSync(path.join(folder, 'sub/net.ir.json')), 'the file was captured');
    });
  }),

  'an ONNX file that cannot be captured says why': sharing(async () => {
    const folder = folderOf('onnx-refused', { 'notes.txt': '' });
    network(folder, 'odd.onnx', 'NonZero');
    await withWorkbench('onnx-refused', { folder, settings }, async (workbench) => {
      await openMenu(workbench, 'odd.onnx');
      await entry(workbench, 'Capture ONNX File').click();
      await workbench.waitForNotification(/NonZero/);
      await workbench.screenshot('refused');
      assert.ok(!fs.existsSync(path.join(folder, 'odd.ir.json')));
    });
  }),

  async 'an ONNX file of a workspace that is not trusted is not offered to be captured'() {
    const folder = folderOf('onnx-untrusted', { 'new.ir.json': '' });
    network(folder, 'net.onnx');
    const careful = { ...settings, 'security.workspace.trust.enabled': true, 'security.workspace.trust.startupPrompt': 'never' };
    await withWorkbench('onnx-untrusted', { folder, settings: careful, trust: true }, async (workbench) => {
      await workbench.openFile('new.ir.json');
      await workbench.waitForStatus('running');
      await row(workbench, 'net.onnx').click({ button: 'right' });
      await entry(workbench, 'Copy Path').waitFor();
      await workbench.screenshot('menu');
      assert.equal(await entry(workbench, 'TorchLean').count(), 0);
      await workbench.page.keyboard.press('Escape');
    });
  },
};
