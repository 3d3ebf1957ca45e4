// The report of `doctor`, of the program that is started as the server, shown as a document that nobody needs to save.
import * as vscode from 'vscode';
import type { Launch } from './launch';
import { runProgram } from './programs';

const SCHEME = 'torchlean-report';
const REPORT = vscode.Uri.from({ scheme: SCHEME, path: '/TorchLean Doctor.txt' });

export class Doctor implements vscode.TextDocumentContentProvider, vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<vscode.Uri>();
  readonly onDidChange = this.changed.event;
  private readonly registration = vscode.workspace.registerTextDocumentContentProvider(SCHEME, this);
  private text = '';

  /** Runs it and shows what it says. */
  async show(launch: Launch): Promise<void> {
    this.text = await vscode.window.withProgress(
      { location: vscode.ProgressLocation.Window, title: 'TorchLean: doctor' },
      async () => (await ask(launch)).stdout,
    );
    this.changed.fire(REPORT);
    await vscode.window.showTextDocument(REPORT, { preview: true });
  }

  provideTextDocumentContent(): string {
    return this.text;
  }

  dispose(): void {
    this.registration.dispose();
    this.changed.dispose();
  }
}

/** The versions that the program reports: its own, and of what it found, by name. */
export async function versions(launch: Launch): Promise<ReadonlyMap<string, string>> {
  const { stdout } = await ask(launch, '--output-format', 'json');
  const report = JSON.parse(stdout) as { version: string; items: { name: string; detail: string }[] };
  return new Map([['torchlean-ls', report.version], ...report.items.map(({ name, detail }) => [name, detail] as const)]);
}

async function ask({ program, before, cwd }: Launch, ...options: string[]): ReturnType<typeof runProgram> {
  const outcome = await runProgram(program, [...before, 'doctor', '--no-color', ...options], { cwd });
  if (outcome.code === 2 || outcome.stdout === '') {
    throw new Error(`the report cannot be made: ${outcome.lines.at(-1) ?? 'the program said nothing'}`);
  }
  return outcome;
}
