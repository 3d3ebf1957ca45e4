// Questions of the server, put to the user: what an error of a command carries beside its message.
import * as path from 'node:path';
import * as vscode from 'vscode';
import { ResponseError, type BaseLanguageClient, ExecuteCommandRequest } from 'vscode-languageclient/node';
import type { Form } from './training/answers';
import { askForm } from './training/form';

/** The argument of a command. */
export type Argument = Record<string, unknown>;

/** What the server asks before somebody's work is replaced: `data.confirm` of its error. */
interface Question {
  readonly question: string;
  /** Title of the button that goes on. */
  readonly accept: string;
  /** What the command's argument gets besides when the answer is yes. */
  readonly argument: Argument;
}

/** One of several things that can be meant: `data.choices`. */
interface Choices {
  readonly question: string;
  /** The name under which the command's argument gets the answer. */
  readonly argument: string;
  readonly choices: readonly { readonly label: string; readonly detail: string; readonly value: unknown; readonly line?: number }[];
}

/** What a command needs to know and cannot find out: `data.input`. */
interface Input {
  readonly question: string;
  /** What to propose. */
  readonly value?: string;
  readonly argument: string;
  /** The command that writes the answer into the file. */
  readonly write?: { readonly command: string; readonly argument: Argument };
}

/** An interpreter that no work can be done in: `data.interpreter`. */
export interface Interpreter {
  readonly path: string;
  /** The command that installs what is missing; null where that would not help. */
  readonly install: readonly string[] | null;
}

/** What an error of the server carries beside its message. */
export interface ErrorData {
  readonly confirm?: Question;
  readonly choices?: Choices;
  readonly input?: Input;
  readonly form?: Form;
  readonly interpreter?: Interpreter;
  /** The file has changes that are not saved. */
  readonly unsaved?: boolean;
  /** What is wrong is in the list of problems. */
  readonly problems?: boolean;
  /** Another command, of the same file, after which this one may be done. */
  readonly offer?: { readonly title: string; readonly command: string };
  /** It would run code of a workspace that is not trusted. */
  readonly trust?: boolean;
  /** The message for the log, where that is another one. */
  readonly detail?: string;
}

export function dataOf(error: unknown): ErrorData {
  const data: unknown = error instanceof ResponseError ? error.data : undefined;
  return typeof data === 'object' && data !== null ? data : {};
}

/** No answer was given: nothing is done, and nothing is said. */
export const CANCELLED = Symbol('cancelled');

/** Where answers are kept. */
let memory: vscode.Memento | undefined;

export function remember(answers: vscode.Memento): void {
  memory = answers;
}

/** The argument with which to execute the command again; undefined where the error asks nothing. */
export async function answered(
  client: BaseLanguageClient,
  argument: Argument,
  error: unknown,
): Promise<Argument | typeof CANCELLED | undefined> {
  const { confirm, choices, input, form, unsaved } = dataOf(error);
  if (unsaved === true) {
    const document = opened(argument);
    return document !== undefined && (await isSaved(document)) ? argument : undefined;
  }
  if (confirm !== undefined) {
    const choice = await vscode.window.showWarningMessage(confirm.question, { modal: true }, confirm.accept);
    return choice === confirm.accept ? { ...argument, ...confirm.argument } : CANCELLED;
  }
  if (choices !== undefined) {
    const value = await choose(choices, opened(argument));
    return value === undefined ? CANCELLED : { ...argument, [choices.argument]: value };
  }
  if (input !== undefined) {
    return withShape(client, argument, input);
  }
  if (form !== undefined) {
    const answers = await askForm(form, String(argument.uri), memory);
    return answers === undefined ? CANCELLED : { ...without(argument, 'ask'), ...answers };
  }
  return undefined;
}

/** Saves a document. Where the editor saves it by itself at the same moment, only that save counts, and this one is told to have failed. */
async function isSaved(document: vscode.TextDocument): Promise<boolean> {
  return (await document.save()) || !document.isDirty || (await document.save());
}

function without(argument: Argument, name: string): Argument {
  return Object.fromEntries(Object.entries(argument).filter(([key]) => key !== name));
}

function opened(argument: Argument): vscode.TextDocument | undefined {
  return vscode.workspace.textDocuments.find((document) => document.uri.toString() === vscode.Uri.parse(String(argument.uri)).toString());
}

/** Lets one be picked; the one at or above the cursor is proposed. */
async function choose({ question, choices }: Choices, document: vscode.TextDocument | undefined): Promise<unknown> {
  const editor = vscode.window.activeTextEditor;
  const cursor = editor !== undefined && editor.document === document ? editor.selection.active.line : 0;
  const items = choices.map(({ label, detail, value, line }) => ({ label, description: detail, value, line: line ?? 0 }));
  const near = items.filter(({ line }) => line <= cursor).at(-1);
  return (await pick(items, question, near))?.value;
}

/** A quick pick that stays when the window loses the focus, with one of its items proposed. */
export async function pick<Item extends vscode.QuickPickItem>(
  items: readonly Item[],
  title: string,
  proposed?: Item,
): Promise<Item | undefined> {
  const box = vscode.window.createQuickPick<Item>();
  box.title = title;
  box.items = items;
  box.ignoreFocusOut = true;
  box.matchOnDescription = true;
  if (proposed !== undefined) {
    box.activeItems = [proposed];
  }
  try {
    return await new Promise((resolve) => {
      box.onDidAccept(() => resolve(box.selectedItems[0]));
      box.onDidHide(() => resolve(undefined));
      box.show();
    });
  } finally {
    box.dispose();
  }
}

/** Asks for an example shape, and where it shall stand. */
async function withShape(client: BaseLanguageClient, argument: Argument, input: Input): Promise<Argument | typeof CANCELLED> {
  const shape = await askShape(input);
  if (shape === undefined) {
    return CANCELLED;
  }
  if (input.write !== undefined) {
    const file = path.basename(vscode.Uri.parse(String(argument.uri)).path);
    const write = { label: '$(edit) Write it into the file', description: `# torchlean: example-shape=${shape}` };
    const use = { label: '$(play) Use it this time only', description: `${file} stays as it is` };
    const chosen = await pick([write, use], `Example shape ${shape}`);
    if (chosen === undefined) {
      return CANCELLED;
    }
    if (chosen === write) {
      const { command, argument: about } = input.write;
      await client.sendRequest(ExecuteCommandRequest.type, { command, arguments: [{ ...about, [input.argument]: shape }] });
      return argument;
    }
  }
  return { ...without(argument, 'ask'), [input.argument]: shape };
}

async function askShape({ question, value }: Input): Promise<string | undefined> {
  const shape = await vscode.window.showInputBox({
    title: 'Capture Model',
    prompt: question,
    placeHolder: '1,4',
    ...(value === undefined ? {} : { value }),
    ignoreFocusOut: true,
    validateInput: (text) =>
      /^\d+(\s*,\s*\d+)*$/.test(text.trim()) ? undefined : 'Numbers with commas between them, such as 1,3,32,32',
  });
  return shape?.replaceAll(/\s/g, '');
}
