// A small stand-in for the editor: what the extension asks it for, kept in plain values that a test sets and reads.
import * as path from 'node:path';

export class Uri {
  private constructor(
    readonly scheme: string,
    readonly path: string,
  ) {}

  static file(file: string): Uri {
    return new Uri('file', file);
  }

  static parse(text: string): Uri {
    const [, scheme, rest] = /^([\w+.-]+):(?:\/\/[^/]*)?(.*)$/.exec(text) ?? [];
    if (scheme === undefined || rest === undefined) {
      throw new Error(`no URI: ${text}`);
    }
    return new Uri(scheme, decodeURIComponent(rest));
  }

  static joinPath(base: Uri, ...parts: string[]): Uri {
    return new Uri(base.scheme, path.posix.join(base.path, ...parts));
  }

  get fsPath(): string {
    return this.path;
  }

  toString(): string {
    return `${this.scheme}://${encodeURI(this.path)}`;
  }
}

export class Disposable {
  constructor(private readonly callOnDispose: () => void) {}

  static from(...all: { dispose(): void }[]): Disposable {
    return new Disposable(() => {
      for (const one of all) {
        one.dispose();
      }
    });
  }

  dispose(): void {
    this.callOnDispose();
  }
}

export class EventEmitter<T> {
  private readonly listeners = new Set<(value: T) => void>();

  readonly event = (listener: (value: T) => void): Disposable => {
    this.listeners.add(listener);
    return new Disposable(() => this.listeners.delete(listener));
  };

  fire(value: T): void {
    for (const listener of this.listeners) {
      listener(value);
    }
  }

  dispose(): void {
    this.listeners.clear();
  }
}

export enum LogLevel {
  Off,
  Trace,
  Debug,
  Info,
  Warning,
  Error,
}

export class CancellationTokenSource {
  private readonly cancelled = new EventEmitter<void>();
  readonly token = { isCancellationRequested: false, onCancellationRequested: this.cancelled.event };

  cancel(): void {
    this.token.isCancellationRequested = true;
    this.cancelled.fire();
  }
}

interface Folder {
  readonly uri: Uri;
  readonly name: string;
  readonly index: number;
}

/** What a test says about the editor; `reset` before each test. */
export const state = {
  /** Values by full name of the setting. */
  settings: new Map<string, unknown>(),
  folders: [] as Folder[],
  trusted: true,
  /** Public interfaces of other extensions, by id. */
  extensions: new Map<string, unknown>(),
  configurationChanged: new EventEmitter<unknown>(),
};

export function reset(): void {
  state.settings.clear();
  state.folders = [];
  state.trusted = true;
  state.extensions.clear();
}

export function setFolders(...paths: string[]): void {
  state.folders = paths.map((folder, index) => ({ uri: Uri.file(folder), name: path.basename(folder), index }));
}

/** The values below a section as the object that an editor gives for the section itself. */
function nested(section: string): Record<string, unknown> | undefined {
  const found: Record<string, unknown> = {};
  for (const [name, value] of state.settings) {
    if (name.startsWith(`${section}.`)) {
      let place = found;
      const keys = name.slice(section.length + 1).split('.');
      for (const key of keys.slice(0, -1)) {
        place = (place[key] ??= {}) as Record<string, unknown>;
      }
      place[keys.at(-1) ?? ''] = value;
    }
  }
  return Object.keys(found).length === 0 ? undefined : found;
}

export const workspace = {
  get workspaceFolders(): Folder[] | undefined {
    return state.folders.length === 0 ? undefined : state.folders;
  },
  get isTrusted(): boolean {
    return state.trusted;
  },
  getConfiguration(section?: string): { get<T>(name: string, fallback?: T): T | undefined } {
    return {
      get<T>(name: string, fallback?: T): T | undefined {
        const full = section === undefined ? name : `${section}.${name}`;
        const value = state.settings.has(full) ? state.settings.get(full) : nested(full);
        return value === undefined ? fallback : (value as T);
      },
    };
  },
  getWorkspaceFolder(uri: Uri): Folder | undefined {
    return state.folders
      .filter((folder) => uri.path === folder.uri.path || uri.path.startsWith(`${folder.uri.path}/`))
      .sort((one, other) => other.uri.path.length - one.uri.path.length)[0];
  },
};

export const extensions = {
  getExtension(id: string): { isActive: boolean; activate(): Promise<unknown>; exports: unknown } | undefined {
    const api = state.extensions.get(id);
    return api === undefined ? undefined : { isActive: true, activate: () => Promise.resolve(api), exports: api };
  },
};
