// ONNX files as rows of a list.
import * as path from 'node:path';
import type * as vscode from 'vscode';

export interface Row extends vscode.QuickPickItem {
  readonly file?: vscode.Uri;
}

/** A row for each file, by folder and name. */
export function rowsOf(files: readonly vscode.Uri[], relative: (file: vscode.Uri) => string): Row[] {
  return files
    .map((file) => {
      const folder = path.posix.dirname(relative(file));
      return { label: path.posix.basename(file.path), description: folder === '.' ? '' : folder, file };
    })
    .sort((one, other) => one.description.localeCompare(other.description) || one.label.localeCompare(other.label));
}
