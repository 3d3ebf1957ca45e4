// Captured models in their graphs, as the guides show them.
import fs from 'node:fs';
import path from 'node:path';
import { graphOf } from '../graphs.mjs';
import { folderOf, options, sharing, withWorkbench } from '../harness.mjs';

const EXAMPLES = path.join(import.meta.dirname, '../../../../examples');

const SETTINGS = { 'torchlean.server.path': [options.server] };

const BLOCKS = `import torch
from torch import nn


class Attention(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def forward(self, x):
        q, k, v = self.query(x), self.key(x), self.value(x)
        return self.out(torch.softmax(q @ k.transpose(1, 2) / 4.0, -1) @ v)


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.n1 = nn.LayerNorm(width)
        self.attn = Attention(width)
        self.n2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.ReLU(), nn.Linear(4 * width, width))

    def forward(self, x):
        x = x + self.attn(self.n1(x))
        return x + self.mlp(self.n2(x))


# torchlean: example-shape=1,16,32
class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(Block(32), Block(32))
        self.head = nn.Linear(32, 10)

    def forward(self, x):
        return self.head(self.layers(x).mean(1))
`;

/** Captures a model by its lens, and shows its graph beside the artifact. */
async function capturedGraph(workbench, folder, model, shape) {
  await workbench.openFile(`${model}.py`);
  await workbench.lens(`Capture (${shape})`).click();
  await workbench.until(() => fs.existsSync(path.join(folder, `${model}.ir.json`)), 'it was captured');
  await workbench.closeNotifications();
  await workbench.openFile(`${model}.ir.json`);
  await workbench.page.locator(`.tab[data-resource-name="${model}.py"] .codicon-close`).click();
  await workbench.runCommand('TorchLean: Show Graph');
  return graphOf(workbench);
}

export const scenarios = {
  'graph: of a small model, captured, beside its JSON': sharing(async () => {
    const folder = folderOf('small', { 'tiny_mlp.py': fs.readFileSync(path.join(EXAMPLES, 'tiny_mlp.py'), 'utf8') });
    await withWorkbench('small', { folder, settings: SETTINGS }, async (workbench) => {
      await workbench.page.setViewportSize({ width: 1500, height: 650 });
      const graph = await capturedGraph(workbench, folder, 'tiny_mlp', '1,4');
      await workbench.page.keyboard.press('Control+b');
      await graph.locator('#fit').click();
      await graph.locator('.card').first().click();
      await workbench.page.locator('.codelens-decoration', { hasText: 'Show graph' }).first().waitFor();
      await workbench.screenshot('graph');
      await workbench.page.keyboard.press('Control+b');
    });
  }),

  'graph: of a transformer, captured, with its modules as clusters': sharing(async () => {
    const folder = folderOf('transformer', { 'transformer.py': BLOCKS });
    const settings = { ...SETTINGS, 'workbench.colorTheme': 'Default Dark Modern' };
    await withWorkbench('transformer', { folder, settings }, async (workbench) => {
      await workbench.page.setViewportSize({ width: 2560, height: 860 });
      const graph = await capturedGraph(workbench, folder, 'transformer', '1,16,32');
      await graph.locator('.card.cluster', { hasText: 'n1' }).first().waitFor();
      await graph.locator('.frame', { hasText: 'layers.0' }).first().waitFor();
      await graph.locator('.frame', { hasText: 'attn' }).first().waitFor();
      await workbench.screenshot('graph');
      const frame = workbench.page.locator('iframe.webview').first();
      await frame.screenshot({ path: path.join(options.output, 'transformer-page.png'), animations: 'disabled' });
    });
  }),
};
