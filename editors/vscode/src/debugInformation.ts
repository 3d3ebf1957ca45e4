// What somebody who helps needs to know, as text for the clipboard. Nothing in it tells who or where its user is.
import * as os from 'node:os';
import * as path from 'node:path';
import * as vscode from 'vscode';
import type { Server } from './client';
import { versions } from './doctor';
import { commandLine, homeAsTilde } from './launch';
import { interpreterOf } from './python';

/** What is reported besides, by its names in the report of `doctor`. */
const WANTED = ['torchlean-ls', 'python', 'torch', 'numpy', 'pygls', 'lsprotocol', 'TorchLean', 'dialect'];

export async function debugInformation(server: Server, extension: vscode.Extension<unknown>): Promise<string> {
  const { version, contributes } = extension.packageJSON as {
    version: string;
    contributes: { configuration: { properties: Record<string, object> } };
  };
  const lines = [
    `TorchLean extension ${version}`,
    `${vscode.env.appName} ${vscode.version} (${vscode.env.uiKind === vscode.UIKind.Web ? 'web' : 'desktop'}${vscode.env.remoteName ? `, ${vscode.env.remoteName}` : ''})`,
    `${os.type()} ${os.release()} ${os.arch()}, Node.js ${process.versions.node}`,
    `workspace: ${vscode.workspace.workspaceFolders?.length ?? 0} folders, ${vscode.workspace.isTrusted ? 'trusted' : 'not trusted'}`,
    '',
    ...(await aboutServer(server)),
    '',
    ...(await Promise.all((vscode.workspace.workspaceFolders ?? []).map(aboutFolder))),
    '',
    'settings that differ from their defaults:',
    ...changedSettings(Object.keys(contributes.configuration.properties)),
  ];
  return `${withoutPlaces(lines.join('\n'))}\n`;
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
  return `folder ${folder.index + 1}: ${interpreter === undefined ? 'Python of the server' : `${interpreter.path} (${interpreter.origin})`}`;
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

/** Folders of the workspace by their number, and the home folder as `~`. */
export function withoutPlaces(text: string): string {
  const folders = (vscode.workspace.workspaceFolders ?? []).map(({ uri, index }) => [uri.fsPath, index] as const);
  // The longest first: one may lie in another.
  folders.sort(([one], [other]) => other.length - one.length);
  let told = text;
  for (const [folder, index] of folders) {
    told = told.replaceAll(folder === path.parse(folder).root ? '\0' : folder, () => `<folder ${index + 1}>`);
  }
  return homeAsTilde(told);
}
