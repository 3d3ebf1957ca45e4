// The page of a graph: its frame, and what it may load.
import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';

/** Folder of the bundled pages. */
export function pagesFolder(extension: vscode.Uri): vscode.Uri {
  return vscode.Uri.joinPath(extension, 'dist', 'webview');
}

/** Nothing but the extension's own files may be loaded; names of an artifact come later, as data. */
export function page(webview: vscode.Webview, extension: vscode.Uri): string {
  const nonce = randomBytes(16).toString('base64');
  const file = (name: string): string => webview.asWebviewUri(vscode.Uri.joinPath(pagesFolder(extension), name)).toString();
  const policy = [
    "default-src 'none'",
    `style-src ${webview.cspSource} 'unsafe-inline'`,
    `script-src 'nonce-${nonce}' 'wasm-unsafe-eval'`,
    'worker-src blob:',
    `connect-src ${webview.cspSource}`,
    'img-src data:',
  ].join('; ');
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="${file('graph.css')}">
<title>Graph</title>
</head>
<body data-layout="${file('layout.js')}">
<header role="toolbar" aria-label="Graph">
<input id="search" type="search" placeholder="Search ( / )" aria-label="Search nodes" spellcheck="false">
<span id="matches" role="status"></span>
<span class="space"></span>
<div class="group">
<button id="open-all" title="Open all clusters">Open all</button>
<button id="close-all" title="Close all clusters">Close all</button>
</div>
<div class="group">
<button id="zoom-out" title="Zoom out ( - )" aria-label="Zoom out">−</button>
<button id="zoom-in" title="Zoom in ( + )" aria-label="Zoom in">+</button>
<button id="fit" title="Show all ( 0 )">Fit</button>
</div>
<div class="group">
<button id="svg" title="Save as SVG">SVG</button>
<button id="png" title="Save as PNG">PNG</button>
</div>
<div class="group">
<button id="details" title="Show or hide the details">Details</button>
</div>
</header>
<main>
<svg id="stage" tabindex="0" role="application" aria-label="Graph; arrow keys follow edges, Enter goes to the JSON">
<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto"><path class="tip" d="M0 0.5L8 4L0 7.5z"/></marker></defs>
<g id="layer"></g>
</svg>
<canvas id="minimap" aria-hidden="true"></canvas>
<div id="message" role="alert" hidden></div>
<div id="live" class="visually-hidden" aria-live="polite"></div>
</main>
<aside id="panel" aria-label="Details"></aside>
<script nonce="${nonce}" src="${file('graph.js')}"></script>
</body>
</html>`;
}
