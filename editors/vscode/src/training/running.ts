// The trainings that run on the server of now, watched or not: they end with it, so whoever ends it asks.
import * as path from 'node:path';
import * as vscode from 'vscode';
import type { Told } from './messages';

/** Names of runs, by artifact. */
const runs = new Map<string, string>();
const idle = new vscode.EventEmitter<void>();

/** The last of them has ended. */
export const onDidEndTrainings = idle.event;

/** The server told something of a training. */
export function noted({ kind, uri, run }: Pick<Told, 'kind' | 'uri' | 'run'>): void {
  if (kind === 'begin') {
    runs.set(uri, run);
  } else if (kind === 'end' && runs.get(uri) === run) {
    runs.delete(uri);
    if (runs.size === 0) {
      idle.fire();
    }
  }
}

/** Artifact and run of each. */
export function runningTrainings(): [string, string][] {
  return [...runs];
}

/** Their artifacts, as messages name them; empty where none runs. */
export function trainedNow(): string {
  return [...runs.keys()].map((uri) => path.posix.basename(vscode.Uri.parse(uri).path)).join(', ');
}

/** Whether the server may be ended: a training ends with it, so that is asked. */
export async function mayEnd(accept: string): Promise<boolean> {
  const names = trainedNow();
  if (names === '') {
    return true;
  }
  const question = `The training of ${names} ends with the server. It can be resumed from its last checkpoint.`;
  return (await vscode.window.showWarningMessage(question, { modal: true }, accept)) === accept;
}
