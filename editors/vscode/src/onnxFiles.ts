// Which ONNX file is meant: one of the workspace, or another.
import * as path from 'node:path';
import * as vscode from 'vscode';
import { pick } from './asking';

const PATTERN = '**/*.{onnx,onnx.gz}';
/** Files that are listed; a folder of benchmarks holds thousands. */
const MOST = 500;

type Item = vscode.QuickPickItem & { readonly file?: vscode.Uri };

/** Lets one of the workspace's files be picked, or any other; where there is none, asks for a file at once. */
export async function pickOnnxFile(): Promise<vscode.Uri | undefined> {
  const found = await vscode.workspace.findFiles(PATTERN, undefined, MOST);
  if (found.length === 0) {
    return browse();
  }
  const files: Item[] = found
    .map((file) => ({ label: path.basename(file.path), description: folderOf(file), file }))
    .sort((one, other) => one.description.localeCompare(other.description) || one.label.localeCompare(other.label));
  const other: Item = { label: '$(folder-opened) Another file…' };
  const more: Item[] = found.length < MOST ? [] : [{ label: `the first ${MOST} files`, kind: vscode.QuickPickItemKind.Separator }];
  const chosen = await pick([...files, ...more, other], 'Capture which ONNX file?', files[0]);
  return chosen === undefined ? undefined : (chosen.file ?? browse());
}

/** Where a file lies, as the explorer tells it. */
function folderOf(file: vscode.Uri): string {
  const folder = path.dirname(vscode.workspace.asRelativePath(file));
  return folder === '.' ? '' : folder;
}

async function browse(): Promise<vscode.Uri | undefined> {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri;
  const chosen = await vscode.window.showOpenDialog({
    title: 'Capture ONNX File',
    openLabel: 'Capture',
    filters: { ONNX: ['onnx', 'gz'] },
    ...(folder === undefined ? {} : { defaultUri: folder }),
  });
  return chosen?.[0];
}
