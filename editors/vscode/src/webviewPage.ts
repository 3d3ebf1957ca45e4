// The frame of every page: what it may load is the extension's own, and names come later, as data.
import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';

/** Folder of the bundled pages. */
export function pagesFolder(extension: vscode.Uri): vscode.Uri {
  return vscode.Uri.joinPath(extension, 'dist', 'webview');
}

/** What stands before the title of a page. */
export function pageIcon(extension: vscode.Uri): { light: vscode.Uri; dark: vscode.Uri } {
  const icon = (theme: string): vscode.Uri => vscode.Uri.joinPath(extension, 'media', `artifact-${theme}.svg`);
  return { light: icon('light'), dark: icon('dark') };
}

/** The URI of a file of the bundled pages, as a page may load it. */
export function pageFile(webview: vscode.Webview, extension: vscode.Uri, name: string): string {
  return webview.asWebviewUri(vscode.Uri.joinPath(pagesFolder(extension), name)).toString();
}

export interface Page {
  /** Of its script and its style sheet. */
  readonly name: string;
  readonly title: string;
  /** The body, as an element without its end. */
  readonly body: string;
  /** What it may do besides: directives, and further sources of `style-src` and `script-src`. */
  readonly policy?: { readonly style?: string; readonly script?: string; readonly more?: readonly string[] };
}

/** A page with nothing but the extension's own script and style sheet. */
export function pageText(webview: vscode.Webview, extension: vscode.Uri, { name, title, body, policy = {} }: Page): string {
  const nonce = randomBytes(16).toString('base64');
  const sources = (...parts: (string | undefined)[]): string => parts.filter(Boolean).join(' ');
  const directives = [
    "default-src 'none'",
    sources('style-src', webview.cspSource, policy.style),
    sources('script-src', `'nonce-${nonce}'`, policy.script),
    ...(policy.more ?? []),
  ];
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${directives.join('; ')}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="${pageFile(webview, extension, `${name}.css`)}">
<title>${title.replace(/[&<>"]/g, (character) => `&#${character.codePointAt(0)};`)}</title>
</head>
${body}
<script nonce="${nonce}" src="${pageFile(webview, extension, `${name}.js`)}"></script>
</body>
</html>`;
}
