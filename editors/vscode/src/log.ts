// The server's log as it stands in the output channel: every line with the level that the server gave it.
import type * as vscode from 'vscode';

type Level = 'debug' | 'info' | 'warn' | 'error';

const LEVELS: Readonly<Record<string, Level>> = {
  DEBUG: 'debug',
  INFO: 'info',
  WARNING: 'warn',
  ERROR: 'error',
  CRITICAL: 'error',
};

const BEGIN = /^(DEBUG|INFO|WARNING|ERROR|CRITICAL) (.*)$/;

/** Lines of a server that died are told; more would fill no message. */
const KEPT = 20;

export class ServerLog {
  private level: Level = 'info';
  private kept: string[] = [];

  constructor(private readonly output: Pick<vscode.LogOutputChannel, Level>) {}

  /** One line of the server's standard error. What follows a line, such as a traceback, has its level. */
  write(line: string): void {
    const [, name, text] = BEGIN.exec(line) ?? [];
    const begins = name !== undefined;
    if (begins) {
      this.level = LEVELS[name] ?? 'info';
    } else if (line.startsWith('Traceback ')) {
      this.level = 'error'; // of the interpreter itself: nothing logged it
    }
    this.output[this.level](begins ? (text ?? '') : line);
    if (line.trim() !== '') {
      this.kept = [...this.kept, line].slice(1 - KEPT);
    }
  }

  /** What the server said last, in one line: of a traceback the exception. Empty where it said nothing. */
  get lastWords(): string {
    const last = this.kept.findLast((line) => !/^\s/.test(line)) ?? this.kept.at(-1) ?? '';
    return (BEGIN.exec(last)?.[2] ?? last).trim();
  }
}
