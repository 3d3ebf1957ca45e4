// The menu of the status item.
import * as vscode from 'vscode';
import { versions } from './doctor';
import type { Server } from './client';
import { isEnabled } from './launch';
import { homeAsTilde } from './places';
import { interpreterOf } from './python';

type Item = vscode.QuickPickItem & { readonly command?: string; readonly args?: readonly unknown[] };

/** Where the server is switched on and off. */
const SETTING = { command: 'workbench.action.openSettings', args: ['torchlean.enable'] } as const;

export async function showMenu(server: Server, version: string): Promise<void> {
  const picked = await vscode.window.showQuickPick(items(server, version), {
    title: 'TorchLean',
    placeHolder: server.launch === undefined ? 'no server' : `server: ${server.launch.origin}`,
  });
  if (picked?.command !== undefined) {
    await vscode.commands.executeCommand(picked.command, ...(picked.args ?? []));
  }
}

async function items(server: Server, version: string): Promise<Item[]> {
  const active = vscode.window.activeTextEditor?.document.uri;
  const folder = (active && vscode.workspace.getWorkspaceFolder(active)) ?? vscode.workspace.workspaceFolders?.[0];
  const python = await interpreterOf(folder);
  const running = server.running !== undefined;
  const separator = (label: string): Item => ({ label, kind: vscode.QuickPickItemKind.Separator });
  const start: Item = isEnabled()
    ? { label: `$(debug-restart) ${running ? 'Restart' : 'Start'} Server`, command: 'torchlean-ls.restart' }
    : { label: '$(settings-gear) Switch On', description: 'torchlean.enable', ...SETTING };
  return [
    start,
    ...(running ? [{ label: '$(debug-stop) Stop Server', command: 'torchlean-ls.stopServer' }] : []),
    ...(server.launch === undefined && isEnabled()
      ? [{ label: '$(cloud-download) Set Up the Server for Me', command: 'torchlean-ls.setUp' }]
      : []),
    {
      label: '$(symbol-misc) Select Interpreter',
      description: python === undefined ? 'Python of the server' : homeAsTilde(python.path),
      command: 'torchlean-ls.selectInterpreter',
    },
    ...(vscode.workspace.isTrusted
      ? []
      : [{ label: '$(workspace-untrusted) Manage Workspace Trust', command: 'workbench.trust.manage' }]),
    separator('what is going on'),
    { label: '$(versions) Versions', description: `extension ${version}`, command: 'torchlean-ls.versions' },
    { label: '$(pulse) Doctor', description: 'what is there, and what is missing', command: 'torchlean-ls.doctor' },
    { label: '$(output) Show Log', command: 'torchlean-ls.showOutput' },
    { label: '$(list-tree) Show Trace', description: 'messages between editor and server', command: 'torchlean-ls.showTrace' },
    { label: '$(copy) Copy Debug Information', command: 'torchlean-ls.copyDebugInformation' },
    separator('more'),
    { label: '$(settings-gear) Settings', command: 'workbench.action.openSettings', args: ['@ext:torchlean.torchlean-ls'] },
    { label: '$(book) Walkthrough', command: 'torchlean-ls.walkthrough' },
  ];
}

/** The versions of all that takes part, in a list. */
export async function showVersions(server: Server, version: string): Promise<void> {
  const { launch } = server;
  const found = launch === undefined ? new Map<string, string>() : await versions(launch);
  const all = [
    ['extension', version],
    [vscode.env.appName, vscode.version],
    ...['torchlean-ls', 'python', 'torch', 'numpy', 'TorchLean'].map((name) => [name, found.get(name)] as const),
  ] as const;
  const rows = all.flatMap(([label, description]) => (description === undefined ? [] : [{ label, description: homeAsTilde(description) }]));
  const picked = await vscode.window.showQuickPick(rows, { title: 'TorchLean: Versions', placeHolder: 'Enter copies all of them' });
  if (picked !== undefined) {
    await vscode.env.clipboard.writeText(rows.map((row) => `${row.label}: ${row.description}`).join('\n'));
  }
}
