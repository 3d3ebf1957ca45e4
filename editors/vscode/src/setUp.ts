// What is offered where there is no server: an environment of the extension's own, another interpreter, another try.
import * as path from 'node:path';
import * as vscode from 'vscode';
import { homeAsTilde } from './places';
import type { PrivateEnvironment, Recipe } from './privateEnvironment';
import { SetUpError } from './privateEnvironment';
import { Cancelled } from './programs';
import { expand, interpreterOf } from './python';
import { unattended } from './unattended';

/** What an environment of this version of the extension is made of. */
export async function recipe(context: vscode.ExtensionContext): Promise<Recipe> {
  const settings = vscode.workspace.getConfiguration('torchlean.environment');
  const { version } = context.extension.packageJSON as { version: string };
  const chosen = await Promise.all((vscode.workspace.workspaceFolders ?? [undefined]).map((folder) => interpreterOf(folder)));
  return {
    requirement: expand(settings.get<string>('package', '').trim()) || `torchlean-ls==${version}`,
    constraints: context.asAbsolutePath(path.join('dist', 'constraints.txt')),
    indexUrl: settings.get<string>('indexUrl', '').trim(),
    interpreters: chosen.flatMap((interpreter) => (interpreter === undefined ? [] : [interpreter.path])),
  };
}

/** Makes the environment, with progress and a way to stop. Whether it was made; why not is told. */
export async function setUp(
  context: vscode.ExtensionContext,
  environment: PrivateEnvironment,
  output: vscode.LogOutputChannel,
): Promise<boolean> {
  const options = { location: vscode.ProgressLocation.Notification, title: 'TorchLean server', cancellable: true };
  const what = await recipe(context);
  try {
    await vscode.window.withProgress(options, (progress, token) => environment.make(what, progress, token));
    output.info(`Installed ${what.requirement} into an environment of the extension.`);
    return true;
  } catch (error) {
    if (error instanceof Cancelled) {
      output.info('The set-up was cancelled, and what it had made is removed.');
      return false;
    }
    const reason = error instanceof SetUpError ? error.message : String(error);
    output.error(`The set-up failed: ${reason}`);
    unattended(tellFailure(homeAsTilde(reason)));
    return false;
  }
}

async function tellFailure(reason: string): Promise<void> {
  const choice = await vscode.window.showErrorMessage(`TorchLean's server could not be set up: ${reason}`, 'Retry', 'Show Output');
  if (choice !== undefined) {
    await vscode.commands.executeCommand(choice === 'Retry' ? 'torchlean-ls.setUp' : 'torchlean-ls.showOutput');
  }
}
