// Which ONNX file is meant: one of the workspace, or another.
import * as vscode from 'vscode';
import { pick } from './asking';
import { rowsOf, type Row } from './onnxRows';
import { errorText } from './text';
import { warn } from './unattended';

const PATTERN = '**/*.{onnx,onnx.gz}';
/** Files that are listed; a folder of benchmarks holds thousands. */
const MOST = 500;

/** Lets one of the workspace's files be picked, or any other; where there is none, asks for a file at once. */
export async function pickOnnxFile(): Promise<vscode.Uri | undefined> {
  const files = rowsOf(await found(), (file) => vscode.workspace.asRelativePath(file));
  if (files.length === 0) {
    return browse();
  }
  const other: Row = { label: '$(folder-opened) Another file…' };
  const title = files.length < MOST ? 'Capture which ONNX file?' : `Capture which ONNX file? The first ${String(MOST)} are listed`;
  const chosen = await pick<Row>([...files, other], title, files[0]);
  return chosen === undefined ? undefined : (chosen.file ?? browse());
}

async function found(): Promise<readonly vscode.Uri[]> {
  try {
    return await vscode.workspace.findFiles(PATTERN, undefined, MOST);
  } catch (error) {
    warn(`the editor cannot list ONNX files: ${errorText(error)}`); // any file can still be named
    return [];
  }
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
