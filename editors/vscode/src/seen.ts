// Whether a document is one that the server is for. Small and quick: it is asked before anything else is loaded.
import * as vscode from 'vscode';

/** What says that a file is an artifact, whatever it is called. */
export const FORMAT = /"format"\s*:\s*"torchlean\.ir\.v1"/;
/** What an artifact holds: that, or nodes and an input. */
const ARTIFACT = [FORMAT, /"nodes"\s*:\s*\[[\s\S]*"input_id"\s*:|"input_id"\s*:[\s\S]*"nodes"\s*:\s*\[/];
/** What a model file holds: an import of torch, or a directive. */
const MODEL = /^[ \t]*(?:import|from)[ \t]+torch\b|^[ \t]*#[ \t]*torchlean:/m;
/** Where a marker is looked for: it stands at the beginning of a file, and big files cost nothing. */
const LOOKED_AT = 20_000;

export function isOurs(document: Pick<vscode.TextDocument, 'languageId' | 'getText' | 'fileName'>): boolean {
  switch (document.languageId) {
    case 'torchlean-ir':
      return true;
    case 'json': {
      const text = document.getText().slice(0, LOOKED_AT);
      return ARTIFACT.some((marker) => marker.test(text));
    }
    case 'python':
      return MODEL.test(document.getText().slice(0, LOOKED_AT));
    default:
      return false;
  }
}

/** Whether a setting declares files to be artifacts, which can hold anything. */
export function hasPatterns(): boolean {
  return vscode.workspace.getConfiguration('torchlean').get<string[]>('artifacts', []).length > 0;
}
