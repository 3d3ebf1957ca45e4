// Work that nobody waits for: what goes wrong there is told in the log, not to the void.
import type * as vscode from 'vscode';
import { errorText } from './text';

let log: Pick<vscode.LogOutputChannel, 'warn' | 'error'> | undefined;

/** Where it is told. */
export function tellTo(output: Pick<vscode.LogOutputChannel, 'warn' | 'error'>): void {
  log = output;
}

export function warn(text: string): void {
  log?.warn(text);
}

/** Lets work go on by itself. */
export function unattended(work: PromiseLike<unknown>): void {
  work.then(undefined, (error: unknown) => log?.error(errorText(error)));
}
