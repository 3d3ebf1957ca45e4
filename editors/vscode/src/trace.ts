// The channel for the messages between editor and server: it holds what the setting `torchlean.trace.server` asks for.
import * as vscode from 'vscode';

const SETTING = 'torchlean.trace.server';

/**
 * The client writes its trace to a log channel, and only where that shows the level "Trace". A user who switches the setting on
 * has asked for the trace, whatever the level of a channel: so this one takes its level from the setting, and writes plainly.
 */
export class TraceChannel implements vscode.LogOutputChannel {
  readonly name = 'TorchLean Trace';
  private readonly levels = new vscode.EventEmitter<vscode.LogLevel>();
  readonly onDidChangeLogLevel = this.levels.event;
  private readonly listener: vscode.Disposable;
  private channel: vscode.OutputChannel | undefined;

  constructor() {
    this.listener = vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration(SETTING)) {
        this.levels.fire(this.logLevel);
      }
    });
  }

  get logLevel(): vscode.LogLevel {
    return vscode.workspace.getConfiguration().get<string>(SETTING, 'off') === 'off' ? vscode.LogLevel.Off : vscode.LogLevel.Trace;
  }

  trace(message: string): void {
    this.line('', message);
  }

  debug(message: string): void {
    this.line('debug: ', message);
  }

  info(message: string): void {
    this.line('', message);
  }

  warn(message: string): void {
    this.line('warning: ', message);
  }

  error(message: string | Error): void {
    this.line('error: ', String(message));
  }

  append(value: string): void {
    this.plain.append(value);
  }

  appendLine(value: string): void {
    this.plain.appendLine(value);
  }

  replace(value: string): void {
    this.plain.replace(value);
  }

  clear(): void {
    this.plain.clear();
  }

  show(column?: vscode.ViewColumn | boolean, preserveFocus?: boolean): void {
    this.plain.show(typeof column === 'boolean' ? column : preserveFocus);
  }

  hide(): void {
    this.plain.hide();
  }

  dispose(): void {
    this.listener.dispose();
    this.levels.dispose();
    this.channel?.dispose();
  }

  private line(level: string, message: string): void {
    this.plain.appendLine(`${new Date().toISOString().slice(11, 23)} ${level}${message}`);
  }

  /** Made when it is first written to or shown: who traces nothing has no channel in the list. */
  private get plain(): vscode.OutputChannel {
    this.channel ??= vscode.window.createOutputChannel(this.name);
    return this.channel;
  }
}
