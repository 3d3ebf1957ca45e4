// The graph beside an artifact: seeing, clicking, searching, opening and closing, typing, keys, files, reloads.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { artifact, card, graphOf, openGraph, TINY } from '../graphs.mjs';
import { alone, folderOf, options, sharing, withWorkbench } from '../harness.mjs';

const SETTINGS = { 'torchlean.server.path': [options.server] };
const LIMIT_FIRST_MS = 1500;
const LIMIT_EDIT_MS = 100;
/** What the loop of `slowness` takes on an idle machine. */
const IDLE_MS = 900;

const PYTHON = `import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(4, 8)
        self.scores = nn.Linear(8, 3)

    def forward(self, x):
        h = self.hidden(x)
        h = torch.relu(h)
        return self.scores(h)
`;

/** A network of equal blocks with residual edges, as many nodes as asked for. */
function residual(count, modules = true) {
  const nodes = [{ id: 0, kind: 'input', parents: [], shape: [1, 16] }];
  for (let block = 0; nodes.length < count; block += 1) {
    const begin = nodes.length - 1;
    const add = (kind, parents, inner) => {
      const source = modules ? { source: { line: 1, module: `layers.${block}${inner}` } } : {};
      nodes.push({ id: nodes.length, kind, parents, shape: [1, 16], ...source });
      return nodes.length - 1;
    };
    const first = add('linear', [begin], '.mlp');
    const second = add('relu', [first], '.mlp');
    const third = add('linear', [second], '.mlp');
    const gate = add('sigmoid', [begin], '.gate');
    const scaled = add('mul_elem', [third, gate], '.gate');
    add('add', [begin, scaled], '');
  }
  return artifact(nodes.slice(0, count));
}

/** Milliseconds of a measurement that the page made itself, the last one of its name. */
async function measured(workbench, graph, name, count = 1) {
  let found = [];
  await workbench.until(async () => {
    found = await graph.locator('body').evaluate((_, wanted) => performance.getEntriesByName(wanted).map((one) => one.duration), `graph:${name}`);
    return found.length >= count;
  }, `${name} is measured`);
  return found.at(-1);
}

/** Line of the cursor of the only editor that is seen, from 1. */
async function cursorLine(workbench) {
  return Number(await workbench.page.locator('.editor-instance .line-numbers.active-line-number').first().innerText());
}

/** Where a card is on the screen. */
async function middle(locator) {
  const { x, y, width, height } = await locator.locator('.body').boundingBox();
  return [x + width / 2, y + height / 2];
}

/** How much slower than an idle machine this one is now: times are compared with limits times that. */
async function slowness(graph) {
  const took = await graph.locator('body').evaluate(() => {
    const begin = performance.now();
    let sum = 0;
    for (let at = 0; at < 60_000_000; at += 1) {
      sum = (sum + at * at) % 1_000_003;
    }
    return performance.now() - begin + sum * 0;
  });
  return Math.max(1, took / IDLE_MS);
}

/** In the question for a file: the path, and Enter. */
async function chooseFile(workbench, file) {
  const input = workbench.page.locator('.quick-input-widget input.input');
  await input.waitFor();
  if (file !== undefined) {
    await input.fill(file);
  }
  await workbench.page.keyboard.press('Enter');
  await input.waitFor({ state: 'hidden' });
}

export const scenarios = {
  'graph: a click goes to the JSON, the cursor to the node, Python both ways': sharing(async () => {
    const folder = folderOf('graph-tiny', { 'tiny.ir.json': TINY, 'net.py': PYTHON });
    await withWorkbench('graph-tiny', { folder, settings: SETTINGS }, async (workbench) => {
      const graph = await openGraph(workbench, 'tiny.ir.json');
      assert.equal(await graph.locator('.card').count(), 4);
      await workbench.screenshot('opened');
      await card(graph, '2').click();
      await workbench.until(async () => (await cursorLine(workbench)) === 9, 'the cursor is at node 2');
      assert.match(await graph.locator('.card.selected').getAttribute('aria-label'), /relu 2; \[1, 8\]; from linear 1; to linear 3/);
      await workbench.page.locator('.editor-instance .view-line').first().click();
      await workbench.placeCursor(10, 8);
      await graph.locator('.card.selected', { hasText: '3' }).waitFor();
      await workbench.screenshot('selected');
      await graph.locator('#details').click();
      await graph.locator('#panel h3', { hasText: 'Operands' }).waitFor();
      assert.match(await graph.locator('#panel').innerText(), /linear_3_W[^]*\[3, 8\]/);
      const isInSight = () => graph.locator('#stage').evaluate((stage) => {
        const [selected, all] = [stage.querySelector('.card.selected'), stage].map((one) => one.getBoundingClientRect());
        return selected.top >= all.top && selected.bottom <= all.bottom;
      });
      await workbench.until(isInSight, 'the selected node is in sight beside its details');
      await workbench.screenshot('details');
      await graph.locator('#panel button', { hasText: 'Show in Python' }).click();
      await workbench.page.waitForSelector('.tab.active[data-resource-name="net.py"]');
      await workbench.until(async () => (await cursorLine(workbench)) === 14, 'the cursor is where node 3 came from');
      await workbench.placeCursor(12, 15);
      await graph.locator('.card.selected', { has: graph.locator('text.id:text-is("1")') }).waitFor();
    });
  }),

  'graph: clusters open and close, a search finds, keys lead along edges, pictures are saved': sharing(async () => {
    const folder = folderOf('graph-blocks', { 'blocks.ir.json': residual(121) });
    await withWorkbench('graph-blocks', { folder, settings: SETTINGS }, async (workbench) => {
      const graph = await openGraph(workbench, 'blocks.ir.json');
      const cards = graph.locator('.card');
      await workbench.screenshot('opened');
      await graph.locator('#close-all').click();
      await workbench.until(async () => (await cards.count()) === 2, 'all is closed');
      assert.match(await graph.locator('.card.cluster').getAttribute('aria-label'), /layers ×20, closed, 120 nodes/);
      await graph.locator('.card.cluster .toggle').click();
      await workbench.until(async () => (await cards.count()) === 21, 'the twenty blocks are seen');
      await graph.locator('#search').fill('relu layers.7');
      await graph.locator('#matches', { hasText: '1 match' }).waitFor();
      await graph.locator('#search').press('Enter');
      await graph.locator('.card.selected', { hasText: 'relu' }).waitFor();
      await workbench.screenshot('found');
      await graph.locator('#search').press('Escape');
      for (const [key, expected] of [['ArrowDown', /^linear 45/], ['ArrowUp', /^relu 44/], ['ArrowUp', /^linear 43/]]) {
        await workbench.page.keyboard.press(key);
        await workbench.until(async () => expected.test(await graph.locator('.card.selected').getAttribute('aria-label')), `${key} leads to ${expected}`);
        assert.match(await graph.locator('#live').innerText(), expected, 'it is told to who does not see it');
      }
      await workbench.page.keyboard.press('Enter');
      await workbench.until(async () => (await cursorLine(workbench)) === 49, 'Enter goes to the JSON');
      await graph.locator('#stage').focus();
      await workbench.page.keyboard.press('Backspace');
      await graph.locator('.card.cluster.selected', { hasText: 'mlp' }).waitFor();
      await workbench.page.keyboard.press('Enter');
      await graph.locator('.card.selected', { hasText: 'linear' }).waitFor();

      await workbench.page.keyboard.press('0');
      for (const format of ['svg', 'png']) {
        await graph.locator(`#${format}`).click();
        await chooseFile(workbench);
        const file = path.join(folder, `blocks.${format}`);
        await workbench.until(() => fs.existsSync(file) && fs.statSync(file).size > 0, `${file} was written`);
      }
      const svg = fs.readFileSync(path.join(folder, 'blocks.svg'), 'utf8');
      assert.ok(svg.startsWith('<svg') && svg.includes('>relu<') && !/var\(|<script|on\w+=/.test(svg), 'the picture stands by itself');
      assert.equal(fs.readFileSync(path.join(folder, 'blocks.png')).subarray(1, 4).toString(), 'PNG');
      fs.copyFileSync(path.join(folder, 'blocks.png'), path.join(options.output, 'graph-blocks-saved.png'));
    });
  }),

  'graph: it follows typing, keeps its place, and shows in red what is wrong': sharing(async () => {
    const folder = folderOf('graph-typing', { 'blocks.ir.json': residual(61) });
    await withWorkbench('graph-typing', { folder, settings: SETTINGS }, async (workbench) => {
      const graph = await openGraph(workbench, 'blocks.ir.json');
      await workbench.page.locator('.editor-instance .view-line').first().click();
      const line = 37;
      await workbench.placeCursor(line, 12);
      await graph.locator('.card.selected', { has: graph.locator('text.id:text-is("31")') }).waitFor();
      assert.equal(await graph.locator('.card.error').count(), 0);
      const before = await middle(card(graph, '31'));
      const text = residual(61).split('\n')[line - 1];
      await workbench.placeCursor(line, text.indexOf('16]') + 2);
      await workbench.page.keyboard.type('9');
      await graph.locator('.card.error', { has: graph.locator('text.id:text-is("32")') }).waitFor();
      await workbench.screenshot('wrong');
      const after = await middle(card(graph, '31'));
      assert.ok(Math.hypot(after[0] - before[0], after[1] - before[1]) < 3, `it moved from ${before} to ${after}`);
      await workbench.page.keyboard.press('Backspace');
      await graph.locator('.card.error').first().waitFor({ state: 'detached' });
      // Another node in the chain: the layout is another, and the selected node stays where it is.
      await workbench.placeCursor(line, text.indexOf('linear') + 1);
      for (let count = 0; count < 6; count += 1) {
        await workbench.page.keyboard.press('Delete');
      }
      await workbench.page.keyboard.type('softplus');
      await card(graph, '31').locator('text.title', { hasText: 'softplus' }).waitFor();
      const last = await middle(card(graph, '31'));
      assert.ok(Math.hypot(last[0] - before[0], last[1] - before[1]) < 3, `it moved from ${before} to ${last}`);
      await workbench.screenshot('edited');
    });
  }),

  'graph: names of an artifact are text, whatever they hold': sharing(async () => {
    const evil = '<img src=x onerror="document.body.dataset.evil=1"><script>document.body.dataset.evil=1</script>"\'`${1}\u0000\n]]>';
    const nodes = JSON.parse(TINY).nodes;
    nodes[1].source.module = evil;
    nodes[2] = { ...nodes[2], kind: evil, debug_target: evil, source: { module: `${evil}.${evil}` } };
    nodes[3].source.module = `${evil}.${evil}`;
    const folder = folderOf('graph-hostile', { 'evil.ir.json': artifact(nodes, { captured_from: { file: evil, class: evil } }) });
    await withWorkbench('graph-hostile', { folder, settings: SETTINGS }, async (workbench) => {
      const graph = await openGraph(workbench, 'evil.ir.json');
      await graph.locator('#open-all').click();
      await graph.locator('.card', { hasText: '<img' }).first().click();
      await graph.locator('#details').click();
      await graph.locator('#panel h3', { hasText: 'Properties' }).waitFor();
      await graph.locator('#search').fill('<script');
      await workbench.screenshot('hostile');
      assert.equal(await graph.locator('img, #stage script, #panel script').count(), 0);
      assert.equal(await graph.locator('body').getAttribute('data-evil'), null);
      // A negative control: the page's policy runs no script of others, were one ever in it.
      await graph.locator('body').evaluate((body) => {
        const script = document.createElement('script');
        script.textContent = 'document.body.dataset.evil = 1';
        body.append(script);
      });
      assert.equal(await graph.locator('body').getAttribute('data-evil'), null);
    });
  }),

  'graph: light, dark and high contrast, and the same after a reload': sharing(async () => {
    const folder = folderOf('graph-themes', { 'blocks.ir.json': residual(61).replace('"shape":[1,16],"source":{"line":1,"module":"layers.1.gate"', '"shape":[1,17],"source":{"line":1,"module":"layers.1.gate"') });
    await withWorkbench('graph-themes', { folder, settings: SETTINGS }, async (workbench) => {
      const graph = await openGraph(workbench, 'blocks.ir.json');
      const ground = () => graph.locator('body').evaluate((body) => getComputedStyle(body).backgroundColor);
      const seen = new Set([await ground()]);
      await workbench.screenshot('light');
      for (const [theme, name] of [['Dark Modern', 'dark'], ['Dark High Contrast', 'high-contrast'], ['Light High Contrast', 'high-contrast-light']]) {
        const before = await graph.locator('body').getAttribute('data-vscode-theme-id');
        await workbench.chooseTheme(theme);
        await workbench.until(async () => (await graph.locator('body').getAttribute('data-vscode-theme-id')) !== before, `${theme} is on`);
        await workbench.screenshot(name);
        seen.add(await ground());
      }
      assert.ok(seen.size >= 3, `grounds: ${[...seen].join(', ')}`);
      await graph.locator('#close-all').click();
      await workbench.until(async () => (await graph.locator('.card').count()) === 2, 'all is closed');
      await graph.locator('.card.cluster').click();
      const gone = workbench.page.waitForEvent('load');
      await workbench.runCommand('Developer: Reload Window');
      await gone;
      const again = await graphOf(workbench);
      assert.equal(await again.locator('.card').count(), 2, 'what was closed is closed');
      await again.locator('.card.cluster.selected').waitFor();
      await workbench.screenshot('reloaded');
    });
  }),

  'graph: a thousand nodes are fluid, and ten thousand open closed': alone(async () => {
    const folder = folderOf('graph-large', { 'k1.ir.json': residual(1000), 'k10.ir.json': residual(10_000), 'plain.ir.json': residual(1000, false) });
    await withWorkbench('graph-large', { folder, settings: SETTINGS }, async (workbench) => {
      const graph = await openGraph(workbench, 'k1.ir.json');
      const first = await measured(workbench, graph, 'first');
      const slow = await slowness(graph);
      await workbench.screenshot('thousand');
      await graph.locator('#open-all').click();
      const all = await measured(workbench, graph, 'all');
      assert.ok((await graph.locator('.card').count()) === 1000, 'all are seen');
      await workbench.screenshot('thousand-open');
      await workbench.page.locator('.editor-instance .view-line').first().click();
      await workbench.placeCursor(8, residual(1000).split('\n')[7].indexOf('16]') + 2);
      const edits = await graph.locator('body').evaluate(() => performance.getEntriesByName('graph:edit').length);
      await workbench.page.keyboard.type('7');
      const edit = await measured(workbench, graph, 'edit', edits + 1);
      await workbench.page.keyboard.press('Backspace');
      await workbench.page.keyboard.press('Control+s');
      await workbench.runCommand('View: Close All Editors');

      const large = await openGraph(workbench, 'k10.ir.json');
      const tenThousand = await measured(workbench, large, 'first');
      assert.ok((await large.locator('.card').count()) < 100, 'ten thousand nodes are closed at first');
      await workbench.screenshot('ten-thousand');
      await large.locator('#search').fill('9876');
      await large.locator('#search').press('Enter');
      await large.locator('.card.selected', { hasText: '9876' }).waitFor();
      await workbench.screenshot('ten-thousand-found');
      const figures = { slow, first, all, edit, tenThousand };
      const line = Object.entries(figures).map(([name, value]) => `${name} ${value.toFixed(1)}`).join(', ');
      console.log(`        graph: ${line}`);
      assert.ok(first < LIMIT_FIRST_MS * slow && edit < LIMIT_EDIT_MS * slow, line);
    });
  }),

  async 'graph: an artifact has one page, however often it is asked for, and also after a reload'() {
    const folder = folderOf('graph-once', { 'tiny.ir.json': TINY, 'other.ir.json': residual(7) });
    await withWorkbench('graph-once', { folder, settings: SETTINGS }, async (workbench) => {
      await openGraph(workbench, 'tiny.ir.json');
      const pages = workbench.page.locator('.tab', { hasText: 'Graph: tiny.ir.json' });
      await workbench.runCommand('TorchLean: Show Graph');
      await graphOf(workbench);
      assert.equal(await pages.count(), 1, 'asked for twice, it has one page');

      // After a reload a page that is behind another one is not loaded until it is looked at: a second one may be opened.
      await pages.click();
      await workbench.openFile('other.ir.json');
      const gone = workbench.page.waitForEvent('load');
      await workbench.runCommand('Developer: Reload Window');
      await gone;
      await workbench.page.locator('.tab[data-resource-name="tiny.ir.json"]').click();
      await workbench.waitForStatus('running');
      await workbench.runCommand('TorchLean: Show Graph');
      await graphOf(workbench);
      await workbench.until(async () => (await pages.count()) === 2, 'the old page waits behind the new one');
      await workbench.screenshot('two');
      for (const at of [0, 1]) {
        if ((await pages.count()) > 1) {
          await pages.nth(at).click();
        }
      }
      await workbench.until(async () => (await pages.count()) === 1, 'one page is left');
      await graphOf(workbench);
      await workbench.screenshot('one');
    });
  },

  async 'graph: two versions are compared, from a file and from Git'() {
    const old = residual(31);
    const changed = JSON.parse(old);
    changed.nodes[8].kind = 'tanh';
    changed.nodes.push({ id: 31, kind: 'exp', parents: [30], shape: [1, 16] });
    changed.output_id = 31;
    const { nodes, ...root } = changed;
    const folder = folderOf('graph-compare', { 'net.ir.json': old, 'old.ir.json': old });
    const git = (...args) => execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.org', ...args], { cwd: folder });
    git('init', '--quiet');
    git('add', '.');
    git('commit', '--quiet', '-m', 'first');
    fs.writeFileSync(path.join(folder, 'net.ir.json'), artifact(nodes, root));
    await withWorkbench('graph-compare', { folder, settings: { ...SETTINGS, 'git.enabled': true } }, async (workbench) => {
      await workbench.openFile('net.ir.json');
      await workbench.waitForStatus('running');
      await workbench.runCommand('TorchLean: Compare Graph with…');
      const rows = workbench.page.locator('.quick-input-widget .monaco-list-row');
      await rows.filter({ hasText: 'The committed version' }).waitFor();
      await workbench.page.keyboard.press('Enter');
      const graph = await graphOf(workbench);
      await graph.locator('.card.changed', { hasText: 'tanh' }).waitFor();
      await graph.locator('.card.added', { hasText: 'exp' }).waitFor();
      await workbench.screenshot('committed');
      await workbench.page.locator('.tab[data-resource-name="net.ir.json"]').click();
      await workbench.runCommand('TorchLean: Compare Graph with…');
      await rows.filter({ hasText: 'Another file' }).waitFor();
      await workbench.page.keyboard.press('ArrowDown');
      await workbench.page.keyboard.press('Enter');
      const input = workbench.page.locator('.quick-input-widget input.input');
      await workbench.until(async () => (await input.inputValue()).includes('/'), 'a file is asked for');
      await chooseFile(workbench, path.join(folder, 'old.ir.json'));
      const other = await graphOf(workbench, 1);
      await other.locator('.card.added', { hasText: 'exp' }).waitFor();
      await workbench.screenshot('file');
    });
  },
};
