// The form before a training: one pick in which each question is a row, so that Enter starts it as last time.
import * as path from 'node:path';
import * as vscode from 'vscode';
import { pick } from '../asking';
import { allAnswers, fieldText, fileName, numberProblem, choiceOf, stillAsked, summary, withAnswer, type Answers, type Ask, type Field, type Form } from './answers';

interface Row extends vscode.QuickPickItem {
  readonly field?: Field;
  readonly starts?: Answers;
}

/** Asks; undefined where it was left. What was started with is remembered for the artifact. */
export async function askForm(form: Form, uri: string, memory: vscode.Memento | undefined): Promise<Answers | undefined> {
  const key = `training:${uri}`;
  const remembered = memory?.get<Answers>(key);
  let answers = stillAsked(form, remembered ?? {});
  let isLast = remembered !== undefined;
  const first = form.fields[0];
  if (!isLast && form.resume === null && first !== undefined) {
    const answer = await askField(form, first, answers, uri);
    if (answer === undefined) {
      return undefined;
    }
    answers = withAnswer(answers, first, answer);
  }
  for (;;) {
    const rows = rowsOf(form, answers, isLast);
    const chosen = await pick<Row>(rows, form.title, rows[0]);
    if (chosen === undefined) {
      return undefined;
    }
    if (chosen.field === undefined) {
      if (chosen.starts === undefined) {
        await memory?.update(key, answers);
      }
      return chosen.starts ?? allAnswers(form, answers);
    }
    const answer = await askField(form, chosen.field, answers, uri);
    if (answer !== undefined) {
      answers = withAnswer(answers, chosen.field, answer);
      isLast = false;
    }
  }
}

function rowsOf(form: Form, answers: Answers, isLast: boolean): Row[] {
  const start = { label: `$(play) ${isLast ? `${form.accept} as last time` : form.accept}`, detail: summary(form, answers) };
  const resume = form.resume === null ? [] : [{ label: `$(debug-continue) ${form.resume.label}`, starts: form.resume.argument }];
  const separator = { label: 'Change', kind: vscode.QuickPickItemKind.Separator };
  const fields = form.fields.map((field) => ({ label: field.label, description: shown(field, answers), field }));
  return [...resume, start, separator, ...fields];
}

/** What is chosen, and where that is a choice what it means: that synthetic data trains nothing of use is said each time. */
function shown(field: Field, answers: Answers): string {
  const choice = choiceOf(field, answers);
  return choice === undefined ? fieldText(field, answers) : `${choice.label}: ${choice.detail}`;
}

async function askField(form: Form, field: Field, answers: Answers, uri: string): Promise<Answers | undefined> {
  const items = field.choices.map((choice) => ({ label: choice.label, description: choice.detail, choice }));
  const now = choiceOf(field, answers);
  const chosen = await pick(items, `${form.title}: ${field.label}`, items.find(({ choice }) => choice === now));
  if (chosen === undefined) {
    return undefined;
  }
  const { answer, ask } = chosen.choice;
  return ask === undefined ? (answer ?? {}) : askValue(ask, uri);
}

async function askValue(ask: Ask, uri: string): Promise<Answers | undefined> {
  if (ask.type === 'file') {
    const artifact = vscode.Uri.parse(uri);
    const folder = artifact.with({ path: path.posix.dirname(artifact.path) });
    const files = await vscode.window.showOpenDialog({
      title: ask.prompt,
      openLabel: 'Train on It',
      defaultUri: folder,
      filters: { Samples: [...(ask.endings ?? [])] },
    });
    const file = files?.[0];
    return file === undefined ? undefined : { [ask.name]: fileName(folder.fsPath, file.fsPath) };
  }
  const text = await vscode.window.showInputBox({
    title: ask.prompt,
    ...(ask.value === undefined ? {} : { value: ask.value }),
    ignoreFocusOut: true,
    validateInput: (value) => numberProblem(ask, value),
  });
  return text === undefined ? undefined : { [ask.name]: Number(text) };
}
