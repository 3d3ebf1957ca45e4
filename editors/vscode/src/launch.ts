// Finds the program that is started as the language server.
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import * as vscode from 'vscode';
import { selectedEnvironment } from './python';

/** A command line, and where it comes from, for messages. */
export interface Launch {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly origin: string;
}

/** The server cannot be started, with the reason in words for the user. */
export class LaunchError extends Error {}

const SERVER_ARGS = ['server', '--stdio'];

/**
 * The setting `torchlean.server.path`, else `torchlean` of the selected Python environment, else `torchlean` on PATH.
 * A setting that names nothing is an error, never a reason to try the next one.
 */
export async function findLaunch(): Promise<Launch> {
  const cwd = workingDirectory();
  const configured = configuredCommand();
  if (configured.length > 0) {
    const [program, ...args] = configured.map(expand) as [string, ...string[]];
    const found = resolveProgram(program, cwd);
    if (found === undefined) {
      throw new LaunchError(`"${program}" (setting torchlean.server.path) is not an executable file.`);
    }
    return { program: found, args: [...args, ...SERVER_ARGS], cwd, origin: 'setting torchlean.server.path' };
  }

  const environment = await selectedEnvironment();
  if (environment !== undefined) {
    const program = siblingProgram(environment);
    if (program !== undefined) {
      return { program, args: SERVER_ARGS, cwd, origin: `Python environment of ${environment}` };
    }
  }

  const onPath = searchPath('torchlean');
  if (onPath !== undefined) {
    return { program: onPath, args: SERVER_ARGS, cwd, origin: 'PATH' };
  }
  const places = environment === undefined ? 'on PATH' : `in the selected Python environment (${environment}) or on PATH`;
  throw new LaunchError(
    `There is no "torchlean" ${places}. Install it with "pip install torchlean-ls", or set torchlean.server.path.`,
  );
}

export function commandLine(launch: Launch): string {
  return [launch.program, ...launch.args].join(' ');
}

export function isEnabled(): boolean {
  return vscode.workspace.getConfiguration('torchlean').get<boolean>('enable', true);
}

/** Everything that a start depends on, for comparison. */
export async function startConditions(): Promise<string> {
  const launch = isEnabled() ? await findLaunch().catch((error: unknown) => String(error)) : undefined;
  return JSON.stringify({ launch, trusted: vscode.workspace.isTrusted });
}

function configuredCommand(): string[] {
  const value = vscode.workspace.getConfiguration('torchlean').get<string | string[]>('server.path');
  const parts = typeof value === 'string' ? [value.trim()] : (value ?? []);
  if (parts.some((part) => typeof part !== 'string')) {
    throw new LaunchError('torchlean.server.path must be a string or an array of strings.');
  }
  return parts[0] ? parts : [];
}

/** A server in an untrusted workspace does not start inside of it, where a file could stand in for a module. */
function workingDirectory(): string {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri;
  return vscode.workspace.isTrusted && folder?.scheme === 'file' ? folder.fsPath : os.homedir();
}

function expand(part: string): string {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath;
  return part
    .replace(/^~(?=$|[\\/])/, () => os.homedir())
    .replaceAll('${userHome}', () => os.homedir())
    .replaceAll('${workspaceFolder}', () => folder ?? '${workspaceFolder}');
}

function resolveProgram(program: string, cwd: string): string | undefined {
  if (!/[\\/]/.test(program)) {
    return searchPath(program);
  }
  const absolute = path.resolve(cwd, program);
  return executables(absolute).find(isExecutable);
}

/** Like a shell's look-up, except that relative entries of PATH (the current folder) are passed over. */
function searchPath(name: string): string | undefined {
  const folders = (process.env.PATH ?? '').split(path.delimiter).filter((folder) => path.isAbsolute(folder));
  return folders.flatMap((folder) => executables(path.join(folder, name))).find(isExecutable);
}

function siblingProgram(interpreter: string): string | undefined {
  const folder = path.dirname(interpreter);
  const places = process.platform === 'win32' ? [path.join(folder, 'Scripts'), folder] : [folder];
  return places.flatMap((place) => executables(path.join(place, 'torchlean'))).find(isExecutable);
}

function executables(file: string): string[] {
  return process.platform === 'win32' ? [`${file}.exe`, file] : [file];
}

function isExecutable(file: string): boolean {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return fs.statSync(file).isFile();
  } catch {
    return false;
  }
}
