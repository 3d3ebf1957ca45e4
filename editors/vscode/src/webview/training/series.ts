// Points of trainings as the columns that are drawn, and what they say in words.
import type { Point, Training } from '../../training/messages';

/** Points that are kept when the page is hidden or the window is loaded anew. */
const KEPT = 1000;

type Column = (number | null)[];

/** Columns over steps, all of one length. */
export interface Columns {
  readonly steps: number[];
  readonly values: Column[];
}

/** What names a point has beside those that every point has, of training alone: `accuracy`, `mae`. */
export function metricsOf(points: readonly Point[]): string[] {
  const names = new Set(points.flatMap(Object.keys));
  return [...names].filter((name) => !name.startsWith('val_') && !['step', 'loss', 'lr'].includes(name));
}

export function hasValidation(points: readonly Point[]): boolean {
  return points.some((point) => point.val_loss !== undefined);
}

/** Columns of a name: of the run, of its validation, and of the run before. */
export function columnsOf({ points, previous }: Pick<Training, 'points' | 'previous'>, name: string): Columns {
  const steps = [...new Set([...points, ...previous].map(({ step }) => step))].sort((a, b) => a - b);
  const place = new Map(steps.map((step, index) => [step, index]));
  const column = (from: readonly Point[], key: string): Column => {
    const values: Column = new Array<number | null>(steps.length).fill(null);
    for (const point of from) {
      values[place.get(point.step) ?? 0] = point[key] ?? null;
    }
    return values;
  };
  return { steps, values: [column(points, name), column(points, `val_${name}`), column(previous, name)] };
}

/** How many values there are, as far as that matters for how they are drawn. */
export type Amount = 'none' | 'one' | 'several';

export function amountOf(values: readonly (number | null)[]): Amount {
  const amount = values.filter((value) => value !== null).length;
  return amount === 0 ? 'none' : amount === 1 ? 'one' : 'several';
}

/** Whether values are better seen on a logarithmic axis: all above 0, and the greatest 50 times the least. */
export function isWide(columns: Columns): boolean {
  const values = columns.values.flat().filter((value) => value !== null);
  const least = values.reduce((one, other) => Math.min(one, other), Infinity);
  const greatest = values.reduce((one, other) => Math.max(one, other), 0);
  return values.length > 1 && least > 0 && greatest / least >= 50;
}

/** At most so many points, spread evenly, with the last. */
export function thinned(points: readonly Point[], most = KEPT): readonly Point[] {
  const every = points.length / most;
  return every <= 1 ? points : points.filter((_, place) => Math.floor((place + 1) / every) > Math.floor(place / every));
}

export function shortNumber(value: number): string {
  return Math.abs(value) >= 1e5 || (value !== 0 && Math.abs(value) < 1e-3) ? value.toExponential(2) : String(Number(value.toPrecision(4)));
}

/** `4 s`, `3 min 20 s`, `5 h 12 min`. */
export function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) {
    return `${whole} s`;
  }
  return whole < 3600
    ? `${Math.floor(whole / 60)} min ${whole % 60} s`
    : `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

const STATES = { done: 'Finished', failed: 'Failed', stopped: 'Stopped' };

/** In a word or two. */
export function stateText({ running, how, points }: Training): string {
  if (running) {
    return 'Running';
  }
  return points.length === 0 && how === undefined ? 'No training yet' : STATES[how ?? 'done'];
}

/** What a screen reader says of a training now and then. */
export function spoken(training: Training): string {
  const last = training.points.at(-1);
  if (last === undefined) {
    return stateText(training);
  }
  const of = training.steps === undefined ? '' : ` of ${training.steps}`;
  const validation = training.points.findLast((point) => point.val_loss !== undefined)?.val_loss;
  const more = validation === undefined ? '' : `, validation ${shortNumber(validation)}`;
  return `${stateText(training)}: step ${last.step}${of}, loss ${shortNumber(last.loss)}${more}`;
}
