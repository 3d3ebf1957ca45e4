// The picture as a file, where the user wants it.
import * as path from 'node:path';
import * as vscode from 'vscode';

export async function saveAs(artifact: vscode.Uri, format: 'svg' | 'png', data: string): Promise<void> {
  const name = path.basename(artifact.path).replace(/(\.ir|\.torchlean)?\.json$/, '');
  const folder = vscode.Uri.joinPath(artifact, '..');
  const filters = format === 'svg' ? { 'SVG image': ['svg'] } : { 'PNG image': ['png'] };
  const defaultUri = vscode.Uri.joinPath(folder, `${name}.${format}`);
  const target = await vscode.window.showSaveDialog({ defaultUri, filters, title: 'Save Graph' });
  if (target !== undefined) {
    const bytes = format === 'svg' ? Buffer.from(data, 'utf8') : Buffer.from(data.slice(data.indexOf(',') + 1), 'base64');
    await vscode.workspace.fs.writeFile(target, bytes);
  }
}
