// The pages on which trainings are watched: each artifact has one, beside the editor.
import * as path from 'node:path';
import * as vscode from 'vscode';
import { ExecuteCommandRequest, type BaseLanguageClient } from 'vscode-languageclient/node';
import type { ServerState } from '../status';
import { pageIcon, pagesFolder, pageText } from '../webviewPage';
import { unattended } from '../unattended';
import { after, type FromPage, type Told, type ToPage, type Training } from './messages';
import { noted, runningTrainings } from './running';

const VIEW = 'torchlean-ls.training';

/** Name of the server's notification. */
export const TRAINING = 'torchlean/training';

/** What pages need of the rest. */
export interface Services {
  /** The client, once the server runs; undefined where it does not. */
  client(): Promise<BaseLanguageClient | undefined>;
  /** Executes a command of the server and shows what it answers. */
  execute(command: string, argument: Record<string, unknown>): Promise<unknown>;
}

interface View {
  readonly panel: vscode.WebviewPanel;
  /** Does what its page asks for. */
  readonly heard: (message: FromPage) => void;
  /** What is shown, as far as it is known. */
  training?: Training | undefined;
}

const views = new Map<string, View>();
/** Those who wait for a training to begin, by its artifact. */
const waiting = new Map<string, () => void>();
let shown: { readonly context: vscode.ExtensionContext; readonly services: Services } | undefined;

export function registerTraining(context: vscode.ExtensionContext, services: Services): vscode.Disposable[] {
  shown = { context, services };
  return [
    vscode.commands.registerCommand('torchlean-ls.showTraining', (uri: unknown) => {
      const artifact = uri instanceof vscode.Uri ? uri : vscode.window.activeTextEditor?.document.uri;
      if (artifact !== undefined) {
        open(artifact.toString());
      }
    }),
    vscode.window.registerWebviewPanelSerializer(VIEW, {
      deserializeWebviewPanel(panel: vscode.WebviewPanel, state: unknown): Promise<void> {
        const uri = (state as Partial<Training> | undefined)?.uri;
        if (typeof uri === 'string') {
          fill(uri, panel);
        } else {
          panel.dispose();
        }
        return Promise.resolve();
      },
    }),
  ];
}

/** The server told something of a training. */
export function trainingTold(told: Told): void {
  noted(told);
  if (told.kind === 'begin') {
    open(told.uri);
    waiting.get(told.uri)?.();
  }
  const view = views.get(told.uri);
  if (view !== undefined) {
    view.training = after(view.training, told);
    unattended(post(view, { kind: 'told', told }));
  }
}

/** A training ends with its server, which tells nobody; the next one knows what is left of it. */
export function trainingsUnder(state: ServerState): void {
  if (state === 'running') {
    for (const view of views.values()) {
      view.heard({ kind: 'ready' });
    }
  } else if (state !== 'starting') {
    for (const [uri, run] of runningTrainings()) {
      trainingTold({ kind: 'end', uri, run, running: false, how: 'stopped' });
    }
  }
}

/** Resolves when a training of an artifact takes its first step: its page is there then. */
export async function begun(uri: string): Promise<void> {
  await new Promise<void>((resolve) => waiting.set(uri, resolve));
  waiting.delete(uri);
}

/** Opens the page of an artifact, or brings it to the front, without taking the focus. */
function open(uri: string): void {
  const view = views.get(uri);
  if (view !== undefined) {
    view.panel.reveal(undefined, true);
    return;
  }
  const place = { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true };
  fill(uri, vscode.window.createWebviewPanel(VIEW, titleOf(uri), place));
}

function titleOf(uri: string): string {
  return `Training: ${path.posix.basename(vscode.Uri.parse(uri).path)}`;
}

function fill(uri: string, panel: vscode.WebviewPanel): void {
  if (shown === undefined) {
    return;
  }
  const known = views.get(uri);
  if (known !== undefined) {
    // One that was not looked at since the window was loaded anew, while a training opened another one.
    panel.dispose();
    known.panel.reveal(undefined, false);
    return;
  }
  const { context, services } = shown;
  const view: View = { panel, heard: (message) => unattended(heard(view, uri, message, services)) };
  views.set(uri, view);
  const extension = context.extensionUri;
  panel.webview.options = { enableScripts: true, localResourceRoots: [pagesFolder(extension)] };
  panel.iconPath = pageIcon(extension);
  panel.onDidDispose(() => {
    if (views.get(uri) === view) {
      views.delete(uri);
    }
  });
  panel.webview.onDidReceiveMessage(view.heard);
  panel.webview.html = pageText(panel.webview, extension, { name: 'training', title: titleOf(uri), body: '<body>' });
}

async function heard(view: View, uri: string, message: FromPage, services: Services): Promise<void> {
  const { training } = view;
  switch (message.kind) {
    case 'ready': {
      const client = await services.client();
      const params = { command: 'torchlean.training', arguments: [{ uri }] };
      // Without a server the page shows what it remembers.
      const state = client && ((await client.sendRequest(ExecuteCommandRequest.type, params)) as Training);
      if (state !== undefined) {
        view.training = state;
        unattended(post(view, { kind: 'state', training: state }));
      }
      return;
    }
    case 'stop':
      await services.execute('torchlean.stop', { uri });
      return;
    case 'resume':
      await services.execute('torchlean.train', { uri, ...training?.resume?.argument });
      return;
    case 'use':
      await services.execute('torchlean.useParams', { uri });
      await heard(view, uri, { kind: 'ready' }, services);
      return;
    case 'train':
      await services.execute('torchlean.train', { uri, ask: true });
      return;
    case 'checkpoint': {
      const file = training?.checkpoint?.uri ?? training?.resume?.uri;
      if (file !== undefined) {
        await vscode.commands.executeCommand('revealInExplorer', vscode.Uri.parse(file));
      }
    }
  }
}

function post(view: View, message: ToPage): Thenable<boolean> {
  return view.panel.webview.postMessage(message);
}
