// The interpreter that is selected in the Python extension, where that extension is present.
import * as vscode from 'vscode';

/** The part of ms-python.python's public interface that is used here. */
interface PythonApi {
  readonly environments?: {
    getActiveEnvironmentPath(resource?: vscode.Uri): { readonly path: string };
    resolveEnvironment(environment: {
      readonly path: string;
    }): Promise<{ readonly executable: { readonly uri?: vscode.Uri | undefined } } | undefined>;
    readonly onDidChangeActiveEnvironmentPath: vscode.Event<unknown>;
  };
}

type Environments = NonNullable<PythonApi['environments']>;

async function pythonApi(): Promise<Environments | undefined> {
  // An environment may lie inside the workspace: in an untrusted one nothing of it is run.
  if (!vscode.workspace.isTrusted) {
    return undefined;
  }
  const extension = vscode.extensions.getExtension<PythonApi>('ms-python.python');
  if (extension === undefined) {
    return undefined;
  }
  return (await extension.activate()).environments;
}

/** Path of the selected interpreter, or undefined where no environment is selected. */
export async function selectedEnvironment(): Promise<string | undefined> {
  const api = await pythonApi();
  if (api === undefined) {
    return undefined;
  }
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri;
  const environment = await api.resolveEnvironment(api.getActiveEnvironmentPath(folder));
  return environment?.executable.uri?.fsPath;
}

/** Calls `listener` whenever another environment is selected. */
export async function onDidChangeEnvironment(listener: () => void): Promise<vscode.Disposable | undefined> {
  const api = await pythonApi();
  return api?.onDidChangeActiveEnvironmentPath(() => listener());
}
