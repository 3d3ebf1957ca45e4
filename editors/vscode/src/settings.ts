// The settings as the server gets them: section `torchlean`, the interpreter of the folder filled in.
import * as vscode from 'vscode';
import { interpreterOf } from './python';

export type Settings = Record<string, unknown> & { python?: { interpreter?: string } };

/** A copy of the section for one resource, or for the window. */
export async function readSettings(scope?: vscode.Uri): Promise<Settings> {
  const section = vscode.workspace.getConfiguration(undefined, scope ?? null).get<Settings>('torchlean');
  const settings = JSON.parse(JSON.stringify(section ?? {})) as Settings;
  if (!settings.python?.interpreter) {
    const folder = scope === undefined ? vscode.workspace.workspaceFolders?.[0] : vscode.workspace.getWorkspaceFolder(scope);
    const interpreter = await interpreterOf(folder);
    if (interpreter !== undefined) {
      settings.python = { ...settings.python, interpreter: interpreter.path };
    }
  }
  return settings;
}
