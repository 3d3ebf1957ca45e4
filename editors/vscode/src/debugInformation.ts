// What somebody who helps needs to know, as text for the clipboard. Nothing in it tells who or where its user is.
import * as os from 'node:os';
import * as vscode from 'vscode';
import type { Server } from './client';
import { versions } from './doctor';
import { commandLine } from './launch';
import { withoutPlaces } from './places';
import { interpreterOf } from './python';

/** What is reported besides, by its names in the report of `doctor`. */
const WANTED = ['torchlean-ls', 'python', 'torch', 'numpy', 'msgspec', 'TorchLean', 'dialect'];

export async function debugInformation(server: Server, extension: vscode.Extension<unknown>): Promise<string> {
  const { version, contributes } = extension.packageJSON as {
    version: string;
    contributes: { configuration: { properties: Record<string, object> } };
  };
  const folders = (vscode.workspace.workspaceFolders ?? []).map(({ uri }) => uri.fsPath);
  const lines = [
    `TorchLean extension ${version}`,
    `${vscode.env.appName} ${vscode.version} (${vscode.env.uiKind === vscode.UIKind.Web ? 'web' : 'desktop'}${remote()})`,
    `${os.type()} ${os.release()} ${os.arch()}, Node.js ${process.versions.node}`,
    `workspace: ${folders.length} folders, ${vscode.workspace.isTrusted ? 'trusted' : 'not trusted'}`,
    '',
    ...(await aboutServer(server)),
    '',
    ...(await Promise.all((vscode.workspace.workspaceFolders ?? []).map(aboutFolder))),
    '',
    'settings that differ from their defaults:',
    ...changedSettings(Object.keys(contributes.configuration.properties)),
  ];
  return `${withoutPlaces(lines.join('\n'), folders)}\n`;
}

/** The kind of the other machine; a name that says which one is left out. */
function remote(): string {
  const name = vscode.env.remoteName;
  return name === undefined ? '' : `, remote${/^[a-z-]+$/.test(name) ? ` by ${name}` : ''}`;
}

async function aboutServer({ launch, running }: Server): Promise<string[]> {
  if (launch === undefined) {
    return ['server: none'];
  }
  const lines = [`server: ${running === undefined ? 'not running' : 'running'} (${launch.origin})`, `  ${commandLine(launch)}`];
  try {
    const found = await versions(launch);
    return [...lines, ...WANTED.filter((name) => found.has(name)).map((name) => `  ${name}: ${found.get(name) ?? ''}`)];
  } catch (error) {
    return [...lines, `  its versions are not known: ${error instanceof Error ? error.message : String(error)}`];
  }
}

async function aboutFolder(folder: vscode.WorkspaceFolder): Promise<string> {
  const interpreter = await interpreterOf(folder);
  const python = interpreter === undefined ? 'Python of the server' : `${interpreter.path} (${interpreter.origin})`;
  return `folder ${folder.index + 1}: ${python}`;
}

function changedSettings(names: readonly string[]): string[] {
  const configuration = vscode.workspace.getConfiguration();
  const changed = names.flatMap((name) => {
    const found = configuration.inspect(name);
    const value: unknown = configuration.get(name);
    return found !== undefined && JSON.stringify(value) !== JSON.stringify(found.defaultValue)
      ? [`  ${name}: ${JSON.stringify(value)}`]
      : [];
  });
  return changed.length === 0 ? ['  none'] : changed;
}
