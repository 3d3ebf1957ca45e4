// The picture of a graph beside its artifact: a click on a node goes to its JSON.
import { randomUUID } from 'node:crypto';
import * as path from 'node:path';
import * as vscode from 'vscode';

/** What `torchlean.showGraph` answers. */
export interface Graph {
  readonly uri: string;
  readonly format: 'svg';
  readonly content: string;
}

const panels = new Map<string, vscode.WebviewPanel>();

export function isGraph(result: unknown): result is Graph {
  const graph = result as Partial<Graph> | null | undefined;
  return graph?.format === 'svg' && typeof graph.content === 'string' && typeof graph.uri === 'string';
}

/** Shows the picture beside the editor; each artifact has one panel. */
export function showGraph(graph: Graph): void {
  const uri = vscode.Uri.parse(graph.uri);
  let panel = panels.get(graph.uri);
  if (panel === undefined) {
    const title = `Graph: ${path.basename(uri.fsPath)}`;
    const column = { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true };
    panel = vscode.window.createWebviewPanel('torchlean-ls.graph', title, column, { enableScripts: true });
    panels.set(graph.uri, panel);
    panel.onDidDispose(() => panels.delete(graph.uri));
    panel.webview.onDidReceiveMessage((message: { index?: unknown; id?: unknown }) => void reveal(uri, message));
  }
  panel.webview.html = page(graph.content);
}

/** The server escapes every name in the picture; nothing but the page's own script may run. */
function page(svg: string): string {
  const nonce = randomUUID();
  const policy = `default-src 'none'; style-src 'unsafe-inline'; script-src 'nonce-${nonce}'`;
  return `<!DOCTYPE html>
<html>
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<style>body { padding: 0 } .node { cursor: pointer }</style>
</head>
<body>
${svg}
<script nonce="${nonce}">
  const editor = acquireVsCodeApi();
  document.querySelectorAll('.node').forEach((node) =>
    node.addEventListener('click', () => editor.postMessage({ index: Number(node.dataset.index), id: node.dataset.id })),
  );
</script>
</body>
</html>`;
}

async function reveal(uri: vscode.Uri, message: { index?: unknown; id?: unknown }): Promise<void> {
  if (typeof message.index !== 'number') {
    return;
  }
  const found = await vscode.commands.executeCommand<(vscode.DocumentSymbol | vscode.SymbolInformation)[] | undefined>(
    'vscode.executeDocumentSymbolProvider',
    uri,
  );
  const symbol = found?.[message.index];
  const range = symbol && ('range' in symbol ? symbol.range : symbol.location.range);
  if (range === undefined || !symbol?.name.startsWith(`${String(message.id)} `)) {
    void vscode.window.showInformationMessage('TorchLean: the graph was edited since; show it again.');
    return;
  }
  const open = vscode.window.visibleTextEditors.find((editor) => editor.document.uri.toString() === uri.toString());
  const viewColumn = open?.viewColumn ?? vscode.ViewColumn.One;
  await vscode.window.showTextDocument(uri, { viewColumn, selection: range });
}
