// Finds the program that is started as the language server.
import * as os from 'node:os';
import * as path from 'node:path';
import * as vscode from 'vscode';
import type { PrivateEnvironment } from './privateEnvironment';
import { executables, isExecutable, searchPath, siblingProgram } from './programs';
import { expand, interpreterOf } from './python';

/** A command line, and where it comes from, for messages. */
export interface Launch {
  readonly program: string;
  /** What stands before the command of the program. */
  readonly before: readonly string[];
  readonly args: readonly string[];
  readonly cwd: string;
  readonly origin: string;
}

/** The server cannot be started, with the reason in words for the user. */
export class LaunchError extends Error {}

/** There is no server anywhere: one can be set up. */
export class NoServer extends LaunchError {}

/**
 * The setting `torchlean.server.path`; else `torchlean` in the Python of a folder, on PATH, or in the extension's own environment.
 * A setting that names nothing is an error, never a reason to try the next one.
 */
export async function findLaunch(environment: PrivateEnvironment, logLevel: vscode.LogLevel): Promise<Launch> {
  const cwd = workingDirectory();
  const args = ['server', '--stdio', ...levelArguments(logLevel)];
  const configured = configuredCommand();
  if (configured.length > 0) {
    const [program, ...before] = configured.map((part) => expand(part)) as [string, ...string[]];
    const found = resolveProgram(program, cwd);
    if (found === undefined) {
      throw new LaunchError(`"${program}" (setting torchlean.server.path) is not an executable file.`);
    }
    return { program: found, before, args, cwd, origin: 'setting torchlean.server.path' };
  }

  const looked: string[] = [];
  for (const folder of vscode.workspace.workspaceFolders ?? [undefined]) {
    const interpreter = await interpreterOf(folder);
    if (interpreter !== undefined) {
      const program = siblingProgram(interpreter.path, 'torchlean');
      if (program !== undefined) {
        return { program, before: [], args, cwd, origin: `Python of ${interpreter.origin}` };
      }
      looked.push(`in ${homeAsTilde(interpreter.path)}`);
    }
  }

  const onPath = searchPath('torchlean');
  if (onPath !== undefined) {
    return { program: onPath, before: [], args, cwd, origin: 'PATH' };
  }
  const own = environment.interpreter;
  if (own !== undefined) {
    return { program: own, before: ['-I', '-m', 'torchlean_core'], args, cwd, origin: 'environment of the extension' };
  }
  const places = [...new Set(looked), 'on PATH'].join(' or ');
  throw new NoServer(`TorchLean's language server is a Python package. There is none ${places}.`);
}

export function commandLine(launch: Launch): string {
  return [launch.program, ...launch.before, ...launch.args].join(' ');
}

/** Nothing of the user's home is told to others. */
export function homeAsTilde(text: string): string {
  const home = os.homedir();
  return path.isAbsolute(home) && home !== path.parse(home).root ? text.replaceAll(home, () => '~') : text;
}

export function isEnabled(): boolean {
  return vscode.workspace.getConfiguration('torchlean').get<boolean>('enable', true);
}

/** Everything that a start depends on, for comparison. */
export async function startConditions(environment: PrivateEnvironment, logLevel: vscode.LogLevel): Promise<string> {
  const launch = isEnabled() ? await findLaunch(environment, logLevel).catch((error: unknown) => String(error)) : undefined;
  return JSON.stringify({ launch, trusted: vscode.workspace.isTrusted });
}

/** The server says as much as the output channel shows; whole messages are the trace's business. */
function levelArguments(level: vscode.LogLevel): string[] {
  return level === vscode.LogLevel.Trace || level === vscode.LogLevel.Debug ? ['--log-level', 'info'] : [];
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

function resolveProgram(program: string, cwd: string): string | undefined {
  if (!/[\\/]/.test(program)) {
    return searchPath(program);
  }
  return executables(path.resolve(cwd, program)).find(isExecutable);
}
