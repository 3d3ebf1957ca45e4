// The page of a graph: its frame, and what it may load.
import type * as vscode from 'vscode';
import { pageFile, pageText } from '../webviewPage';

export function page(webview: vscode.Webview, extension: vscode.Uri): string {
  const more = ['worker-src blob:', `connect-src ${webview.cspSource}`, 'img-src data:'];
  const policy = { style: "'unsafe-inline'", script: "'wasm-unsafe-eval'", more };
  const body = `<body data-layout="${pageFile(webview, extension, 'layout.js')}">
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
<aside id="panel" aria-label="Details"></aside>`;
  return pageText(webview, extension, { name: 'graph', title: 'Graph', body, policy });
}
