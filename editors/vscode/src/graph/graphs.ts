// The graphs of this window: one panel for each artifact, and for each comparison. They are there again after a reload.
import * as path from 'node:path';
import * as vscode from 'vscode';
import { unattended } from '../unattended';
import { filesOf, movedSource } from './files';
import { isInGit } from './git';
import { GraphPanel, type Ask } from './panel';
import type { Source } from './protocol';

const TYPE = 'torchlean-ls.graph';
const COMMITTED = 'HEAD';

export class Graphs implements vscode.WebviewPanelSerializer {
  private readonly panels = new Map<string, GraphPanel>();

  constructor(
    private readonly extension: vscode.Uri,
    private readonly ask: Ask,
  ) {}

  register(): vscode.Disposable {
    return vscode.Disposable.from(
      vscode.window.registerWebviewPanelSerializer(TYPE, this),
      vscode.commands.registerCommand('torchlean-ls.showGraph', (uri: unknown) => this.command(uri)),
      vscode.workspace.onDidRenameFiles(({ files }) => {
        for (const { oldUri, newUri } of files) {
          this.moved(oldUri.toString(), newUri.toString());
        }
      }),
      vscode.commands.registerCommand('torchlean-ls.compareGraph', (uri: unknown) => this.compare(uri)),
    );
  }

  /** Shows a graph beside the editor. */
  show(source: Source): void {
    const name = JSON.stringify(source);
    const known = this.panels.get(name);
    if (known !== undefined) {
      known.panel.reveal(undefined, true);
      unattended(known.refresh());
      return;
    }
    const column = { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true };
    this.take(vscode.window.createWebviewPanel(TYPE, 'Graph', column, { retainContextWhenHidden: true }), source);
  }

  deserializeWebviewPanel(panel: vscode.WebviewPanel, state: unknown): Promise<void> {
    const source = (state as { source?: Source } | undefined)?.source;
    if (typeof source?.uri === 'string') {
      this.take(panel, source);
    } else {
      panel.dispose();
    }
    return Promise.resolve();
  }

  /** Another server answers: what is shown, or could not be, may be something else now. */
  refresh(): void {
    this.panels.forEach((graph) => unattended(graph.refresh()));
  }

  private take(panel: vscode.WebviewPanel, source: Source): void {
    const name = JSON.stringify(source);
    const known = this.panels.get(name);
    if (known !== undefined) {
      // One that was not looked at since the window was loaded anew, while another one was opened.
      panel.dispose();
      known.panel.reveal(undefined, false);
      return;
    }
    const graph = new GraphPanel(panel, source, this.extension, this.ask);
    this.panels.set(name, graph);
    panel.onDidDispose(() => {
      this.forget(graph);
      graph.dispose();
    });
  }

  private forget(graph: GraphPanel): void {
    for (const [name, one] of this.panels) {
      if (one === graph) {
        this.panels.delete(name);
      }
    }
  }

  /** A file, or a folder, has another name: graphs of what was there are graphs of it. */
  private moved(from: string, to: string): void {
    for (const graph of [...this.panels.values()]) {
      const source = movedSource(graph.source, from, to);
      if (filesOf(source).join() !== filesOf(graph.source).join()) {
        this.forget(graph);
        this.panels.get(JSON.stringify(source))?.panel.dispose(); // of a file that was replaced
        this.panels.set(JSON.stringify(source), graph);
        graph.move(source);
      }
    }
  }

  private command(uri: unknown): void {
    const target = targetOf(uri);
    if (target !== undefined) {
      this.show({ uri: target.toString() });
    }
  }

  /** Asks what to compare an artifact with: its committed version, or another file. */
  private async compare(uri: unknown): Promise<void> {
    const target = targetOf(uri);
    if (target === undefined) {
      return;
    }
    const committed = { label: '$(git-commit) The committed version', description: COMMITTED };
    const other = { label: '$(file) Another file…' };
    const choices = (await isInGit(target)) ? [committed, other] : [other];
    const choice =
      choices.length === 1
        ? other
        : await vscode.window.showQuickPick(choices, { placeHolder: `Compare ${path.basename(target.path)} with` });
    if (choice === committed) {
      this.show({ uri: target.toString(), against: { git: COMMITTED, name: COMMITTED } });
    } else if (choice === other) {
      const [file] =
        (await vscode.window.showOpenDialog({
          title: 'Compare Graph with',
          openLabel: 'Compare',
          defaultUri: vscode.Uri.joinPath(target, '..'),
          filters: { Artifacts: ['json'] },
        })) ?? [];
      if (file !== undefined) {
        this.show({ uri: target.toString(), against: { uri: file.toString(), name: path.basename(file.path) } });
      }
    }
  }
}

/** The artifact that a command is for: the one that it names, else the one that is looked at; without one it says so. */
function targetOf(uri: unknown): vscode.Uri | undefined {
  const target = uri instanceof vscode.Uri ? uri : vscode.window.activeTextEditor?.document.uri;
  if (target === undefined) {
    unattended(vscode.window.showErrorMessage('TorchLean: open an artifact first.'));
  }
  return target;
}
