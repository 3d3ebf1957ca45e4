// The committed version of a file, by VS Code's own Git extension.
import * as vscode from 'vscode';

interface Repository {
  show(ref: string, path: string): Promise<string>;
}

interface GitApi {
  getRepository(uri: vscode.Uri): Repository | null;
}

interface GitExtension {
  readonly enabled: boolean;
  getAPI(version: 1): GitApi;
}

async function repositoryOf(uri: vscode.Uri): Promise<Repository | undefined> {
  const extension = vscode.extensions.getExtension<GitExtension>('vscode.git');
  const git = await extension?.activate();
  return git?.enabled === true ? (git.getAPI(1).getRepository(uri) ?? undefined) : undefined;
}

/** Whether a file is in a repository that Git knows. */
export async function isInGit(uri: vscode.Uri): Promise<boolean> {
  return (await repositoryOf(uri)) !== undefined;
}

/** The text of a file in a commit. */
export async function headText(uri: vscode.Uri, ref: string): Promise<string> {
  const repository = await repositoryOf(uri);
  if (repository === undefined) {
    throw new Error('This file is in no Git repository.');
  }
  return repository.show(ref, uri.fsPath);
}
