// What the server tells of trainings, and what the page of one and the extension say to each other.

/** A point of the curve: `step`, `loss`, `lr`, perhaps `val_loss`, and metrics. */
export type Point = Readonly<Record<string, number>> & { readonly step: number; readonly loss: number };

/** A checkpoint that a run can go on from. */
export interface Resume {
  readonly step: number;
  readonly steps: number;
  readonly name: string;
  readonly uri: string;
  /** What the argument of the command gets to go on. */
  readonly argument: Readonly<Record<string, unknown>>;
}

/** How a training stands, as far as it is known. */
export interface Training {
  readonly uri: string;
  /** Names the run in its session; null of one that only its files tell of. */
  readonly run: string | null;
  /** What was asked for. */
  readonly asked?: Readonly<Record<string, unknown>>;
  readonly name: string;
  readonly running: boolean;
  readonly points: readonly Point[];
  readonly previous: readonly Point[];
  readonly steps?: number;
  readonly percentage?: number;
  readonly steps_per_second?: number;
  readonly seconds_left?: number;
  readonly device?: string;
  readonly checkpoint?: { readonly step: number; readonly name: string; readonly uri: string };
  readonly how?: 'done' | 'stopped' | 'failed';
  readonly message?: string;
  readonly resume?: Resume | null;
  readonly trained?: { readonly name: string; readonly uri: string } | null;
}

/** What the server tells while a training runs. */
export type Told = Omit<Partial<Training>, 'run'> & {
  readonly uri: string;
  readonly run: string;
  readonly kind: 'begin' | 'points' | 'checkpoint' | 'end';
};

/** To the page: all there is, or what is new. */
export type ToPage = { readonly kind: 'state'; readonly training: Training } | { readonly kind: 'told'; readonly told: Told };

/** From the page: it can be filled, or a button was pressed. */
export interface FromPage {
  readonly kind: 'ready' | 'stop' | 'resume' | 'use' | 'train' | 'checkpoint';
}

/** How a training stands after something was told of it. */
export function after(training: Training | undefined, told: Told): Training | undefined {
  const { kind, points = [], ...facts } = told;
  if (kind === 'begin') {
    const now: Training = { name: '', running: true, previous: [], points, ...facts };
    return told.asked?.resume === true ? withSeen(now, training, points.at(-1)?.step) : now;
  }
  if (kind === 'end' && training?.run !== told.run) {
    return { name: '', running: false, previous: [], points, ...facts };
  }
  if (training === undefined) {
    return undefined;
  }
  // Some may be known already: the whole state was asked for meanwhile.
  const last = training.points.at(-1)?.step ?? 0;
  return { ...training, ...facts, points: [...training.points, ...points.filter(({ step }) => step > last)] };
}

/**
 * A training with the points that a page has seen before a step: between those that its files tell there were more. They are
 * taken where they are of the same run, that is where everything that is told of earlier steps is among them.
 */
export function withSeen(now: Training, earlier: Training | undefined, before = Number.POSITIVE_INFINITY): Training {
  const seen = (earlier?.points ?? []).filter(({ step }) => step < before);
  const losses = new Map(seen.map(({ step, loss }) => [step, loss]));
  const told = now.points.filter(({ step }) => step < before);
  if (told.length >= seen.length || told.length === 0 || told.some(({ step, loss }) => losses.get(step) !== loss)) {
    return now;
  }
  return { ...now, points: [...seen, ...now.points.filter(({ step }) => step >= before)] };
}
