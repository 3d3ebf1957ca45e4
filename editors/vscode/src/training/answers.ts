// What is asked before a training, as values: the form that the server gives, and answers to it.

/** What has to be typed or picked for a choice. */
export interface Ask {
  readonly name: string;
  readonly type: 'whole' | 'number' | 'file';
  readonly prompt: string;
  /** What to propose. */
  readonly value?: string;
  /** What is counted. */
  readonly unit?: string;
  /** What a number has to be greater than. */
  readonly above?: number;
  /** How names of files end, without the dot. */
  readonly endings?: readonly string[];
}

export interface Choice {
  readonly label: string;
  readonly detail: string;
  /** What the argument gets; where there is none, something is asked. */
  readonly answer?: Answers;
  readonly ask?: Ask;
}

export interface Field {
  readonly label: string;
  /** Names of the argument that this field says. */
  readonly names: readonly string[];
  /** The first is what happens where nothing is said. */
  readonly choices: readonly Choice[];
}

export interface Form {
  readonly title: string;
  readonly accept: string;
  readonly resume: { readonly label: string; readonly argument: Answers } | null;
  readonly fields: readonly Field[];
}

/** Parts of a command's argument, by name. */
export type Answers = Record<string, unknown>;

/** Answers with a field's answered anew. */
export function withAnswer(answers: Answers, field: Field, answer: Answers): Answers {
  const others = Object.entries(answers).filter(([name]) => !field.names.includes(name));
  return { ...Object.fromEntries(others), ...answer };
}

/** Those of remembered answers that the form still asks for; of a choice only where it is still offered. */
export function stillAsked(form: Form, remembered: Answers): Answers {
  let answers: Answers = {};
  for (const field of form.fields) {
    const said = saidBy(field, remembered);
    if (said.length > 0 && (choiceOf(field, remembered) !== undefined || field.choices.some(({ ask }) => ask?.name === said[0]?.[0]))) {
      answers = withAnswer(answers, field, Object.fromEntries(said));
    }
  }
  return answers;
}

function saidBy(field: Field, answers: Answers): [string, unknown][] {
  return Object.entries(answers).filter(([name]) => field.names.includes(name));
}

/** The choice that answers make of a field; undefined where it was typed. */
export function choiceOf(field: Field, answers: Answers): Choice | undefined {
  const said = saidBy(field, answers);
  if (said.length === 0) {
    return field.choices[0];
  }
  return field.choices.find(({ answer }) => {
    const entries = Object.entries(answer ?? {});
    return entries.length === said.length && said.every(([name, value]) => answer?.[name] === value);
  });
}

/** Answers with what is chosen of each field where nothing is said: all that the form shows. */
export function allAnswers(form: Form, answers: Answers): Answers {
  const unsaid = form.fields.filter((field) => saidBy(field, answers).length === 0);
  return unsaid.reduce<Answers>((all, { choices }) => ({ ...choices[0]?.answer, ...all }), answers);
}

/** What answers say of a field, in a few words. */
export function fieldText(field: Field, answers: Answers): string {
  const choice = choiceOf(field, answers);
  if (choice !== undefined) {
    return choice.label;
  }
  const [name, value] = saidBy(field, answers)[0] ?? ['', ''];
  const unit = field.choices.find(({ ask }) => ask?.name === name)?.ask?.unit ?? '';
  return `${baseName(String(value))} ${unit}`.trim();
}

function baseName(value: string): string {
  return value.slice(Math.max(value.lastIndexOf('/'), value.lastIndexOf('\\')) + 1);
}

/** All answers in a line. */
export function summary(form: Form, answers: Answers): string {
  return form.fields.map((field) => (field.choices.length > 1 ? fieldText(field, answers) : '')).filter(Boolean).join(' · ');
}

/** What is wrong with a number as it was typed; undefined where it is one. */
export function numberProblem(ask: Ask, text: string): string | undefined {
  const above = ask.above ?? Number.NEGATIVE_INFINITY;
  const value = text.trim() === '' ? Number.NaN : Number(text);
  const isWhole = ask.type === 'whole';
  if (Number.isFinite(value) && value > above && (!isWhole || /^\d+$/.test(text.trim()))) {
    return undefined;
  }
  return `A ${isWhole ? 'whole ' : ''}number greater than ${above}`;
}

/** A file as the argument names it: from the artifact's folder where it lies there, with slashes. */
export function fileName(folder: string, file: string): string {
  const slashed = (text: string): string => text.replaceAll('\\', '/').replace(/\/$/, '');
  const [inside, whole] = [`${slashed(folder)}/`, slashed(file)];
  return whole.startsWith(inside) ? whole.slice(inside.length) : file;
}
