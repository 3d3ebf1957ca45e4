// The choice of another interpreter: in an extension for Python where there is one, else from a list of this one.
import * as path from 'node:path';
import * as vscode from 'vscode';
import { homeAsTilde } from './places';
import { pythonsOnPath } from './programs';
import { customaryIn, interpreterOf, selectCommand } from './python';

const SETTING = 'python.interpreter';
const BROWSE = '$(folder-opened) Browse…';
const NONE = '$(discard) None: as selected elsewhere';

/** Asks for the interpreter of a folder: of the file that is looked at, else of the only one, else the one that is asked for. */
export async function selectInterpreter(): Promise<void> {
  const active = vscode.window.activeTextEditor?.document.uri;
  const around = active && vscode.workspace.getWorkspaceFolder(active);
  const folders = vscode.workspace.workspaceFolders ?? [];
  const folder = around ?? (folders.length > 1 ? await vscode.window.showWorkspaceFolderPick() : folders[0]);
  if (folder === undefined && folders.length > 1) {
    return;
  }
  const configuration = vscode.workspace.getConfiguration('torchlean', folder?.uri ?? null);
  if (!vscode.workspace.isTrusted && targetOf(configuration, folder) !== vscode.ConfigurationTarget.Global) {
    await offerTrust();
    return;
  }
  const set = configuration.get<string>(SETTING, '');
  const command = selectCommand();
  if (set === '' && command !== undefined) {
    await vscode.commands.executeCommand(command);
    return;
  }
  const chosen = await choose(folder, set);
  if (chosen !== undefined) {
    await configuration.update(SETTING, chosen === '' ? undefined : chosen, targetOf(configuration, folder));
  }
}

/** What is selected for a folder that is not trusted is not used. */
async function offerTrust(): Promise<void> {
  const text = 'TorchLean: an interpreter of this workspace is used once the workspace is trusted.';
  if ((await vscode.window.showInformationMessage(text, 'Manage Trust')) !== undefined) {
    await vscode.commands.executeCommand('workbench.trust.manage');
  }
}

/** Where the value stands already; else in the folder's own settings, or the user's where no folder is open. */
function targetOf(configuration: vscode.WorkspaceConfiguration, folder?: vscode.WorkspaceFolder): vscode.ConfigurationTarget {
  const found = configuration.inspect(SETTING);
  if (folder === undefined || (found?.globalValue && !found.workspaceValue && !found.workspaceFolderValue)) {
    return vscode.ConfigurationTarget.Global;
  }
  const several = (vscode.workspace.workspaceFolders?.length ?? 0) > 1;
  return several ? vscode.ConfigurationTarget.WorkspaceFolder : vscode.ConfigurationTarget.Workspace;
}

async function choose(folder: vscode.WorkspaceFolder | undefined, set: string): Promise<string | undefined> {
  const current = (await interpreterOf(folder))?.path;
  const inFolder = folder && vscode.workspace.isTrusted ? customaryIn(folder).map((interpreter) => interpreter.path) : [];
  const found = [...inFolder, ...pythonsOnPath()];
  const items: vscode.QuickPickItem[] = [...new Set(found)].map((file) => ({
    label: path.basename(file),
    description: homeAsTilde(file),
    detail: file === current ? 'used now' : '',
  }));
  const others = set === '' ? [BROWSE] : [BROWSE, NONE];
  const picked = await vscode.window.showQuickPick([...items, ...others.map((label) => ({ label }))], {
    title: folder === undefined ? 'Python Interpreter' : `Python Interpreter for ${folder.name}`,
    placeHolder: 'Models are captured and trained in it: it needs torch, numpy and safetensors',
    matchOnDescription: true,
  });
  if (picked === undefined || picked.label === NONE) {
    return picked && '';
  }
  if (picked.label !== BROWSE) {
    return [...new Set(found)][items.indexOf(picked)];
  }
  const files = await vscode.window.showOpenDialog({ title: 'Python Interpreter', openLabel: 'Select', canSelectMany: false });
  return files?.[0]?.fsPath;
}
