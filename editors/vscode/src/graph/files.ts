// The files that a graph is drawn of: whether they are there, where they went, and when they change on disk.
import * as path from 'node:path';
import * as vscode from 'vscode';
import type { Source } from './protocol';

/** A source after a file, or a folder around it, was renamed; the same where it is none of its files. */
export function movedSource(source: Source, from: string, to: string): Source {
  const { uri, against } = source;
  const old = against?.uri && moved(against.uri, from, to);
  const isOther = old !== undefined && old !== '' && old !== against?.uri;
  const now = { ...source, uri: moved(uri, from, to) };
  return isOther ? { ...now, against: { uri: old, name: nameOf(old) } } : now;
}

function moved(uri: string, from: string, to: string): string {
  return uri === from || uri.startsWith(`${from}/`) ? to + uri.slice(from.length) : uri;
}

/** The URIs of its files. */
export function filesOf({ uri, against }: Source): string[] {
  return against?.uri === undefined ? [uri] : [uri, against.uri];
}

/** What the name of a file is. */
export function nameOf(uri: string): string {
  return path.posix.basename(vscode.Uri.parse(uri).path);
}

/** Calls `listener` when one of the files appears, is written or is removed, by whomever. */
export function watched(uris: readonly string[], listener: () => void): vscode.Disposable {
  const watchers = uris.map((uri) => {
    const folder = vscode.Uri.joinPath(vscode.Uri.parse(uri), '..');
    const watcher = vscode.workspace.createFileSystemWatcher(new vscode.RelativePattern(folder, '*'));
    const told = (one: vscode.Uri): void => {
      if (one.toString() === uri) {
        listener();
      }
    };
    return vscode.Disposable.from(watcher, watcher.onDidCreate(told), watcher.onDidChange(told), watcher.onDidDelete(told));
  });
  // A folder that goes takes its files along, and is all that is told of.
  const within = (folder: vscode.Uri): boolean => uris.some((uri) => uri.startsWith(`${folder.toString()}/`));
  const removed = vscode.workspace.onDidDeleteFiles(({ files }) => {
    if (files.some(within)) {
      listener();
    }
  });
  return vscode.Disposable.from(...watchers, removed);
}

/** What to say of a file that is not on disk any more; undefined where it is, or never has been. */
export async function lossOf(uri: string): Promise<string | undefined> {
  const file = vscode.Uri.parse(uri);
  if (file.scheme !== 'file') {
    return undefined;
  }
  try {
    await vscode.workspace.fs.stat(file);
    return undefined;
  } catch (error) {
    if (!(error instanceof vscode.FileSystemError) || error.code !== 'FileNotFound') {
      throw error;
    }
    return `${nameOf(uri)} was deleted.`;
  }
}

/** Whether a file is open, with or without a file on disk. */
export function isOpen(uri: string): boolean {
  return vscode.workspace.textDocuments.some((document) => document.uri.toString() === uri);
}
