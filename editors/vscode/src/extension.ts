// Entry point: nothing but a look whether there is something to do here. The rest is loaded when there is.
//
// Why so: VS Code can start an extension by names of files (`workspaceContains`) and by a language, not by what a file holds. An
// artifact may be called `model.json`, and a model is a Python file like any other. So the extension is started for these
// languages, too, and costs next to nothing there: this file alone is read, a few kilobytes, and no server is started until
// an artifact, a model, a command or a page of the extension is seen. `activate` waits for nothing.
import * as vscode from 'vscode';
import { hasPatterns, isOurs } from './seen';

type Main = typeof import('./main.js');

const NAMES = '**/{*.ir.json,*.torchlean.json,torchlean.toml}';
const PAGES = 'torchlean-ls.';

let main: Promise<Main> | undefined;
let asleep: vscode.Disposable | undefined;

export function activate(context: vscode.ExtensionContext): void {
  const wake = (): Promise<void> => {
    main ??= (async () => {
      const loaded = await import('./main.js');
      // In one go: a command that is given meanwhile waits here, and must never find itself unknown.
      asleep?.dispose();
      loaded.activate(context);
      return loaded;
    })();
    return main.then(() => undefined);
  };
  /** For what nobody waits for: a part of the extension that cannot be loaded is told. */
  const wakeUp = (): void => {
    wake().catch((error: unknown) => {
      vscode.window.showErrorMessage(`TorchLean cannot be loaded: ${String(error)}`).then(undefined, console.error);
    });
  };
  const look = (document: vscode.TextDocument): void => {
    if (isOurs(document)) {
      wakeUp();
    }
  };
  const { contributes } = context.extension.packageJSON as { contributes: { commands: { command: string }[] } };
  asleep = vscode.Disposable.from(
    vscode.workspace.onDidOpenTextDocument(look),
    vscode.workspace.onDidSaveTextDocument(look),
    vscode.window.onDidChangeActiveTextEditor((editor) => editor && look(editor.document)),
    // A command of the palette wakes the rest, and is then done by it.
    ...contributes.commands.map(({ command }) =>
      vscode.commands.registerCommand(command, async (...args: unknown[]): Promise<unknown> => {
        await wake();
        return vscode.commands.executeCommand(command, ...args);
      }),
    ),
  );
  context.subscriptions.push(asleep);
  if (vscode.workspace.textDocuments.some(isOurs) || hasPage() || hasPatterns()) {
    wakeUp();
  } else {
    vscode.workspace.findFiles(NAMES, '**/node_modules/**', 1).then((found) => {
      if (found.length > 0) {
        wakeUp();
      }
    }, console.error);
  }
}

export async function deactivate(): Promise<void> {
  await (await main)?.deactivate();
}

/** A page of the extension that was open when the window was closed: it waits to be filled again. */
function hasPage(): boolean {
  const tabs = vscode.window.tabGroups.all.flatMap((group) => group.tabs);
  return tabs.some(({ input }) => input instanceof vscode.TabInputWebview && input.viewType.includes(PAGES));
}
