// Artifacts with a graph to see, and the page that shows one.

/** Nodes as JSON, one a line. */
export function artifact(nodes, more = {}) {
  const root = { format: 'torchlean.ir.v1', input_id: 0, output_id: nodes.length - 1, ...more };
  const head = Object.entries(root).map(([key, value]) => `  ${JSON.stringify(key)}: ${JSON.stringify(value)},\n`).join('');
  return `{\n${head}  "nodes": [\n${nodes.map((node) => `    ${JSON.stringify(node)}`).join(',\n')}\n  ]\n}\n`;
}

export const TINY = artifact(
  [
    { id: 0, kind: 'input', parents: [], shape: [1, 4] },
    { id: 1, kind: 'linear', parents: [0], shape: [1, 8], source: { line: 12, module: 'hidden', span: [12, 12, 12, 26] } },
    { id: 2, kind: 'relu', parents: [1], shape: [1, 8], source: { line: 13, span: [13, 12, 13, 25] } },
    { id: 3, kind: 'linear', parents: [2], shape: [1, 3], source: { line: 14, module: 'scores', span: [14, 15, 14, 29] } },
  ],
  { captured_from: { file: 'net.py', class: 'Net', example_shape: [1, 4] } },
);

/** The page of the graph, once a graph is drawn on it. */
export async function graphOf(workbench, index = 0) {
  const outer = workbench.page.frameLocator('iframe.webview').nth(index);
  const frame = outer.frameLocator('iframe#active-frame');
  await frame.locator('.card').first().waitFor();
  return frame;
}

/** Opens an artifact, and its graph. */
export async function openGraph(workbench, file) {
  await workbench.openFile(file);
  await workbench.waitForStatus('running');
  await workbench.runCommand('TorchLean: Show Graph');
  return graphOf(workbench);
}

/** The card of a node. */
export const card = (graph, id) => graph.locator('.card', { has: graph.locator(`text.id:text-is("${id}")`) });
