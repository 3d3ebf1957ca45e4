// The Python interpreter of each folder: named by a setting, selected in an extension for Python, or lying in the folder itself.
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import * as vscode from 'vscode';
import { interpreterIn } from './programs';
import { errorText } from './text';
import { warn } from './unattended';

/** The part of ms-python.vscode-python-envs' public interface that is used here. */
interface EnvironmentsApi {
  getEnvironment(
    scope: vscode.Uri | undefined,
  ): Promise<{ readonly execInfo: { readonly run: { readonly executable: string } } } | undefined>;
  readonly onDidChangeEnvironment: vscode.Event<unknown>;
}

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

export interface Interpreter {
  readonly path: string;
  /** Who chose it, for messages. */
  readonly origin: string;
}

const ENVIRONMENTS_ID = 'ms-python.vscode-python-envs';
const PYTHON_ID = 'ms-python.python';

/** What another extension may take to answer: a start of the server waits for it. */
const PATIENCE_MS = 10_000;

/** Folders that hold an environment by custom, in the order in which they are looked at. */
const CUSTOMARY = ['.venv', 'venv'];

/**
 * The interpreter in which work on files of a folder is done; undefined where nobody chose one.
 * Of an untrusted workspace none is taken: neither its settings nor what lies in its folders.
 */
export async function interpreterOf(folder?: vscode.WorkspaceFolder): Promise<Interpreter | undefined> {
  const set = vscode.workspace.getConfiguration('torchlean', folder?.uri ?? null).get<string>('python.interpreter', '').trim();
  if (set !== '') {
    return { path: expand(set, folder), origin: 'setting torchlean.python.interpreter' };
  }
  if (!vscode.workspace.isTrusted) {
    return undefined;
  }
  return (await selectedIn(folder)) ?? (folder && customaryIn(folder)[0]);
}

/** `~` and the names of folders filled in, as in the editor's own settings. */
export function expand(text: string, folder?: vscode.WorkspaceFolder): string {
  const root = folder?.uri.fsPath ?? vscode.workspace.workspaceFolders?.[0]?.uri.fsPath;
  return text
    .replace(/^~(?=$|[\\/])/, () => os.homedir())
    .replaceAll('${userHome}', () => os.homedir())
    .replaceAll('${workspaceFolder}', () => root ?? '${workspaceFolder}');
}

async function selectedIn(folder?: vscode.WorkspaceFolder): Promise<Interpreter | undefined> {
  const environments = await environmentsApi();
  const chosen = (await patiently(environments?.getEnvironment(folder?.uri)))?.execInfo.run.executable;
  if (chosen) {
    return { path: chosen, origin: 'Python Environments extension' };
  }
  const python = (await pythonApi())?.environments;
  const resolved = await patiently(python?.resolveEnvironment(python.getActiveEnvironmentPath(folder?.uri)));
  const file = resolved?.executable.uri?.fsPath;
  return file ? { path: file, origin: 'Python extension' } : undefined;
}

/** The environments that lie in a folder by custom, in the order in which they count. */
export function customaryIn(folder: vscode.WorkspaceFolder): Interpreter[] {
  return CUSTOMARY.map((name) => ({
    path: interpreterIn(path.join(folder.uri.fsPath, name)),
    origin: `${name} in ${folder.name}`,
  })).filter((interpreter) => fs.existsSync(interpreter.path));
}

/** Calls `listener` whenever another environment is selected in one of the extensions that are there. */
export async function onDidChangeInterpreter(listener: () => void): Promise<vscode.Disposable> {
  if (!vscode.workspace.isTrusted) {
    return vscode.Disposable.from();
  }
  const environments = await environmentsApi();
  const python = await pythonApi();
  const events = [environments?.onDidChangeEnvironment, python?.environments?.onDidChangeActiveEnvironmentPath];
  return vscode.Disposable.from(...events.flatMap((event) => (event === undefined ? [] : [event(() => listener())])));
}

/** Whether there is an extension in which an interpreter can be selected, and the command for it. */
export function selectCommand(): string | undefined {
  const commands = { [PYTHON_ID]: 'python.setInterpreter', [ENVIRONMENTS_ID]: 'python-envs.set' };
  return Object.entries(commands).find(([id]) => vscode.extensions.getExtension(id) !== undefined)?.[1];
}

function environmentsApi(): Promise<EnvironmentsApi | undefined> {
  return apiOf<EnvironmentsApi>(ENVIRONMENTS_ID);
}

function pythonApi(): Promise<PythonApi | undefined> {
  return apiOf<PythonApi>(PYTHON_ID);
}

/** An extension that cannot be activated, or gives nothing because a setting switched it off, is as one that is not there. */
async function apiOf<Api>(id: string): Promise<Api | undefined> {
  const extension = vscode.extensions.getExtension<Api | undefined>(id);
  return extension && (await patiently(extension.activate()));
}

/** Undefined where the answer is an error or takes too long: the search goes on with the next place. */
async function patiently<Value>(answer: Thenable<Value> | undefined): Promise<Value | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), PATIENCE_MS);
  });
  try {
    return await Promise.race([answer, late]);
  } catch (error) {
    warn(`An extension for Python did not answer: ${errorText(error)}`);
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}
