// One graph beside its artifact: keeps the page in step with the text and the cursor, and does what the page asks.
import * as vscode from 'vscode';
import { homeAsTilde } from '../places';
import { errorText } from '../text';
import { unattended } from '../unattended';
import { pageIcon, pagesFolder } from '../webviewPage';
import { filesOf, isOpen, lossOf, nameOf, watched } from './files';
import { headText } from './git';
import { page } from './page';
import { originsAt, placesAt } from './places';
import type { FromPage, GraphModel, GraphNode, ModelAnswer, NodeDetails, Source, ToPage } from './protocol';
import { saveAs } from './save';

/** Asks the server: one command with one argument. Undefined where there is no server. */
export type Ask = (command: string, argument: Record<string, unknown>) => Promise<unknown>;

/** Typing rests for so long before the graph follows. */
const REST_MS = 120;

export class GraphPanel implements vscode.Disposable {
  private uri: vscode.Uri;
  private files: vscode.Disposable;
  private readonly subscriptions: vscode.Disposable[] = [];
  private model: GraphModel | undefined;
  private version: number | null = null;
  private ready = false;
  private readonly early: ToPage[] = [];
  private timer: NodeJS.Timeout | undefined;
  /** Questions about the graph follow one another; of those that wait only the last is asked. */
  private asking: Promise<void> | undefined;
  private again = false;
  private revealed = '';

  constructor(
    readonly panel: vscode.WebviewPanel,
    private drawn: Source,
    extension: vscode.Uri,
    private readonly ask: Ask,
  ) {
    this.uri = vscode.Uri.parse(drawn.uri);
    this.files = this.watch();
    panel.webview.options = { enableScripts: true, localResourceRoots: [pagesFolder(extension)] };
    panel.title = titleOf(drawn);
    panel.iconPath = pageIcon(extension);
    this.subscriptions.push(
      panel.webview.onDidReceiveMessage((message: FromPage) => void this.received(message).catch(tell)),
      vscode.workspace.onDidChangeTextDocument(({ document }) => this.changed(document)),
      vscode.workspace.onDidCloseTextDocument((document) => this.changed(document)),
      vscode.languages.onDidChangeDiagnostics(({ uris }) => {
        if (uris.some((uri) => uri.toString() === this.uri.toString())) {
          this.later();
        }
      }),
      vscode.window.onDidChangeTextEditorSelection(({ textEditor }) => this.follow(textEditor)),
    );
    panel.webview.html = page(panel.webview, extension);
    unattended(this.refresh()); // the server works while the page loads
  }

  /** What it is a graph of. */
  get source(): Source {
    return this.drawn;
  }

  /** It is a graph of the same under other names. */
  move(source: Source): void {
    this.drawn = source;
    this.uri = vscode.Uri.parse(source.uri);
    this.panel.title = titleOf(source);
    this.files.dispose();
    this.files = this.watch();
    this.later();
  }

  private watch(): vscode.Disposable {
    return watched(filesOf(this.drawn), () => this.later());
  }

  /** Asks for the graph of now, and shows it. */
  async refresh(): Promise<void> {
    if (this.asking !== undefined) {
      this.again = true;
      return this.asking;
    }
    this.asking = this.refreshNow();
    try {
      await this.asking;
    } finally {
      this.asking = undefined;
    }
    if (this.again) {
      this.again = false;
      await this.refresh();
    }
  }

  dispose(): void {
    clearTimeout(this.timer);
    this.files.dispose();
    vscode.Disposable.from(...this.subscriptions).dispose();
  }

  private async refreshNow(): Promise<void> {
    const asked = Date.now();
    try {
      const against = await this.against();
      const argument = { uri: this.source.uri, format: 'model', ...(against === undefined ? {} : { against }) };
      const answer = (await this.ask('torchlean.showGraph', argument)) as ModelAnswer | undefined;
      if (answer === undefined) {
        this.post({ type: 'failed', message: 'The language server is not running.' });
        return;
      }
      this.model = answer.content;
      this.version = answer.version;
      const lost = await lossOf(this.source.uri);
      const note = lost === undefined ? '' : `${lost} What is open in the editor is shown.`;
      this.post({ type: 'model', source: this.source, model: answer.content, asked, note });
      this.revealed = '';
      const editor = this.editor();
      if (editor !== undefined) {
        this.follow(editor);
      }
    } catch (error) {
      const lost = await this.loss();
      const last = this.model === undefined ? '' : ' What is shown is how it was last.';
      this.post({ type: 'failed', message: lost === undefined ? errorText(error) : `${lost}${last}` });
    }
  }

  /** Why there is nothing to draw, where that is so because a file is gone. */
  private async loss(): Promise<string | undefined> {
    const losses = await Promise.all(filesOf(this.source).filter((uri) => !isOpen(uri)).map(lossOf));
    return losses.find((loss) => loss !== undefined);
  }

  private async against(): Promise<Record<string, unknown> | undefined> {
    const { against } = this.source;
    if (against?.git !== undefined) {
      return { text: await headText(this.uri, against.git), name: against.name };
    }
    return against && { uri: against.uri, name: against.name };
  }

  /** What is said before the page listens is said when it does. */
  private post(message: ToPage): void {
    if (this.ready) {
      unattended(this.panel.webview.postMessage(message));
    } else {
      this.early.push(message);
    }
  }

  private changed(document: vscode.TextDocument): void {
    const uri = document.uri.toString();
    if (uri === this.source.uri || uri === this.source.against?.uri) {
      this.later();
    }
  }

  private later(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => unattended(this.refresh()), REST_MS);
  }

  private async received(message: FromPage): Promise<void> {
    if (message.type === 'ready') {
      const isAgain = this.ready;
      this.ready = true;
      this.early.splice(0).forEach((one) => this.post(one));
      if (isAgain) {
        await this.refresh(); // the page was loaded anew
      }
    } else if (message.type === 'save') {
      await saveAs(this.uri, message.format, message.data);
    } else {
      const node = this.model?.nodes[message.node];
      if (node === undefined) {
        return;
      }
      if (message.type === 'details') {
        await this.details(message.node, node);
      } else if (message.type === 'open') {
        await this.open(node, message.focus);
      } else {
        await this.openOrigin(node);
      }
    }
  }

  private async details(place: number, node: GraphNode): Promise<void> {
    try {
      const argument = { uri: this.source.uri, format: 'node', index: node.index };
      const answer = (await this.ask('torchlean.showGraph', argument)) as { content: NodeDetails } | undefined;
      if (answer !== undefined) {
        this.post({ type: 'details', node: place, details: answer.content });
      }
    } catch (error) {
      // The text was edited since: the next version of the graph is on its way.
      this.post({ type: 'failed', message: errorText(error) });
    }
  }

  // -- to the text, and back ----------------------------------------------------------------------------------

  private async open(node: GraphNode, focus: boolean): Promise<void> {
    if ((await this.loss()) !== undefined) {
      await this.refresh(); // which says so
      return;
    }
    const document = await vscode.workspace.openTextDocument(this.uri);
    let found: GraphNode | undefined = node;
    if (this.version !== null && document.version !== this.version) {
      await this.refresh();
      found = this.model?.nodes.find(({ index, mark }) => index === node.index && mark !== 'removed');
    }
    if (found?.place !== undefined) {
      await this.show(this.uri, range(found.place), focus);
    }
  }

  private async openOrigin(node: GraphNode): Promise<void> {
    if (node.origin === undefined) {
      return;
    }
    const [file, ...place] = node.origin;
    const uri = this.model?.files[file];
    if (uri !== undefined) {
      await this.show(vscode.Uri.parse(uri), range(place), true);
    }
  }

  /** Shows a place beside the graph, never in its stead. */
  private async show(uri: vscode.Uri, selection: vscode.Range, focus: boolean): Promise<void> {
    const visible = vscode.window.visibleTextEditors.find(({ document }) => document.uri.toString() === uri.toString());
    const others = vscode.window.tabGroups.all.map(({ viewColumn }) => viewColumn);
    const beside = others.find((column) => column !== this.panel.viewColumn) ?? vscode.ViewColumn.Beside;
    const viewColumn = visible?.viewColumn ?? beside;
    this.revealed = key(selection.start, uri);
    const editor = await vscode.window.showTextDocument(uri, { viewColumn, selection, preserveFocus: !focus });
    editor.revealRange(selection, vscode.TextEditorRevealType.InCenterIfOutsideViewport);
  }

  private editor(): vscode.TextEditor | undefined {
    const active = vscode.window.activeTextEditor;
    return active?.document.uri.toString() === this.source.uri ? active : undefined;
  }

  /** The node of the cursor, or the nodes of a line of the model, are shown in the graph. */
  private follow(editor: vscode.TextEditor): void {
    const { model } = this;
    const uri = editor.document.uri.toString();
    const at = editor.selection.active;
    const name = key(editor.selection.start, editor.document.uri);
    if (model === undefined || this.revealed === name) {
      return;
    }
    let nodes: number[] = [];
    if (uri === this.source.uri) {
      if (this.version !== null && editor.document.version !== this.version) {
        return; // the graph of this text is on its way
      }
      nodes = placesAt(model, at);
    } else if (model.files.includes(uri)) {
      nodes = originsAt(model, model.files.indexOf(uri), at);
    }
    if (nodes.length > 0) {
      this.revealed = name;
      this.post({ type: 'reveal', nodes });
    }
  }
}

/** A file that is gone, or a place where nothing can be written. */
function tell(error: unknown): void {
  unattended(vscode.window.showErrorMessage(`TorchLean: ${homeAsTilde(errorText(error))}`));
}

function key({ line, character }: vscode.Position, uri: vscode.Uri): string {
  return `${uri.toString()}#${line}:${character}`;
}

function titleOf({ uri, against }: Source): string {
  const name = nameOf(uri);
  return against === undefined ? `Graph: ${name}` : `Graph: ${against.name} → ${name}`;
}

function range([line = 0, character = 0, endLine = line, endCharacter = character]: readonly number[]): vscode.Range {
  return new vscode.Range(line, character, endLine, endCharacter);
}
