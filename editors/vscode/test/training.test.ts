// What is asked before a training, what is told of it, and how its page puts it.
import { describe, expect, test } from 'vitest';
import { allAnswers, choiceOf, fieldText, fileName, numberProblem, stillAsked, summary, withAnswer, type Form } from '../src/training/answers';
import { after, withSeen, type Point, type Told, type Training } from '../src/training/messages';
import { oneLine } from '../src/text';
import { amountOf, columnsOf, duration, isWide, metricsOf, shortNumber, spoken, stateText, thinned } from '../src/webview/training/series';
import { isMarked } from '../src/language';

const STEPS = { name: 'steps', type: 'whole', prompt: 'Number of steps', unit: 'steps', above: 0 } as const;
const EPOCHS = { name: 'epochs', type: 'whole', prompt: 'Passes', unit: 'epochs', above: 0 } as const;
const FILE = { name: 'data', type: 'file', prompt: 'Samples' } as const;
const DATA = { label: 'Data', names: ['data'], choices: [{ label: 'synthetic', detail: '', answer: {} }, { label: 'File…', detail: '', ask: FILE }] };
const LOSS = { label: 'Loss', names: ['loss'], choices: [{ label: 'mse', detail: '', answer: { loss: 'mse' } }, { label: 'l1', detail: '', answer: { loss: 'l1' } }] };
const AMOUNT = {
  label: 'Amount',
  names: ['steps', 'epochs'],
  choices: [{ label: '200 steps', detail: '', answer: { steps: 200 } }, { label: 'Steps…', detail: '', ask: STEPS }, { label: 'Epochs…', detail: '', ask: EPOCHS }],
};
const FORM: Form = { title: 'Train m.ir.json', accept: 'Start', resume: null, fields: [DATA, LOSS, AMOUNT] };

describe('answers', () => {
  test('are told in a line, the first choice where nothing is said', () => {
    expect(summary(FORM, {})).toBe('synthetic · mse · 200 steps');
    expect(summary(FORM, { data: 'in/here/d.npz', loss: 'l1', epochs: 3 })).toBe('d.npz · l1 · 3 epochs');
    expect(fieldText(AMOUNT, { steps: 200 })).toBe('200 steps');
  });

  test('replace what else a field says', () => {
    expect(withAnswer({ steps: 5, loss: 'l1' }, AMOUNT, { epochs: 2 })).toEqual({ loss: 'l1', epochs: 2 });
    expect(withAnswer({ data: 'd.npz' }, DATA, {})).toEqual({});
  });

  test('say all that the form shows when it starts', () => {
    expect(allAnswers(FORM, {})).toEqual({ loss: 'mse', steps: 200 });
    expect(allAnswers(FORM, { data: 'd.npz', epochs: 3 })).toEqual({ data: 'd.npz', epochs: 3, loss: 'mse' });
  });

  test('are remembered as far as they are still asked for', () => {
    expect(stillAsked(FORM, { data: 'd.npz', loss: 'gone', steps: 7, output: 1 })).toEqual({ data: 'd.npz', steps: 7 });
    expect(choiceOf(AMOUNT, { steps: 7 })).toBeUndefined();
  });

  test('that are numbers are checked', () => {
    expect(numberProblem(STEPS, '12')).toBeUndefined();
    for (const wrong of ['', '0', '-1', '1.5', 'x', '1e3']) {
      expect(numberProblem(STEPS, wrong)).toMatch(/whole number greater than 0/);
    }
    const rate = { name: 'lr', type: 'number', prompt: '', above: 0 } as const;
    expect(numberProblem(rate, '1e-3')).toBeUndefined();
    for (const wrong of ['', '0', '-0.1', 'Infinity', 'x']) {
      expect(numberProblem(rate, wrong)).toMatch(/greater than 0/);
    }
  });

  test('that are files are named from the folder where they lie in it', () => {
    expect(fileName('/w/a', '/w/a/b/d.npz')).toBe('b/d.npz');
    expect(fileName('/w/a', '/w/ab/d.npz')).toBe('/w/ab/d.npz');
    expect(fileName('C:\\w', 'C:\\w\\d.npz')).toBe('d.npz');
  });
});

const point = (step: number, loss: number, more: Record<string, number> = {}): Point => ({ step, loss, lr: 0.1, ...more });
const told = (kind: Told['kind'], more: Omit<Partial<Training>, 'run'> = {}): Told => ({ kind, uri: 'file:///m.ir.json', run: 'a', ...more });

function running(...points: Point[]): Training {
  return { uri: 'file:///m.ir.json', run: 'a', name: 'm.ir.json', running: true, points, previous: [] };
}

describe('a training', () => {
  test('grows by what is new', () => {
    const begun = after(undefined, told('begin', { name: 'm.ir.json', running: true, points: [point(1, 2)], previous: [] }));
    const grown = after(begun, told('points', { points: [point(1, 2), point(5, 1)], seconds_left: 3 }));
    expect(grown?.points.map(({ step }) => step)).toEqual([1, 5]);
    expect(grown).toMatchObject({ name: 'm.ir.json', running: true, seconds_left: 3 });
    const ended = after(grown, told('end', { running: false, how: 'done', points: [point(1, 2), point(9, 0.5)] }));
    expect(ended).toMatchObject({ running: false, how: 'done' });
    expect(ended?.points.map(({ step }) => step)).toEqual([1, 5, 9]);
    expect(after(undefined, told('points', { points: [point(1, 2)] }))).toBeUndefined();
  });

  test('that goes on keeps what was seen of it up to there', () => {
    const seen = running(point(1, 3), point(4, 2.5), point(10, 2), point(14, 1.9));
    const again = { asked: { resume: true }, points: [point(1, 3), point(10, 2), point(12, 1.95)] };
    expect(after(seen, { ...told('begin', again), run: 'b' })?.points.map(({ step }) => step)).toEqual([1, 4, 10, 12]);
    const other = { ...again, points: [point(1, 7), point(12, 1)] };
    expect(after(seen, { ...told('begin', other), run: 'b' })?.points.map(({ step }) => step)).toEqual([1, 12]);
    const fresh = { asked: {}, points: [point(1, 3)] };
    expect(after(seen, { ...told('begin', fresh), run: 'b' })?.points.length).toBe(1);
  });

  test('of another session has the points that a page remembers, where they are of the same run', () => {
    const seen = running(point(1, 3), point(4, 2.5), point(10, 2));
    expect(withSeen({ ...running(point(1, 3), point(10, 2)), run: null }, seen).points.length).toBe(3);
    expect(withSeen({ ...running(point(1, 3), point(10, 1)), run: null }, seen).points.length).toBe(2);
    expect(withSeen({ ...running(point(1, 3)), run: null }, undefined).points.length).toBe(1);
  });
});

describe('the page', () => {
  const points = [point(1, 2, { val_loss: 2.5, accuracy: 0.5, val_accuracy: 0.4 }), point(3, 0.01)];

  test('draws columns over all steps, with gaps', () => {
    expect(columnsOf({ points, previous: [point(2, 9)] }, 'loss')).toEqual({
      steps: [1, 2, 3],
      values: [[2, null, 0.01], [2.5, null, null], [null, 9, null]],
    });
    expect(metricsOf(points)).toEqual(['accuracy']);
    expect(isWide(columnsOf({ points, previous: [] }, 'loss'))).toBe(true);
    expect(isWide(columnsOf({ points: [point(1, 2), point(2, 0)], previous: [] }, 'loss'))).toBe(false);
  });

  test('has a value or several, or none', () => {
    expect([[null], [null, 3, null], [0, 1]].map(amountOf)).toEqual(['none', 'one', 'several']);
    const many = Array.from({ length: 60_000 }, (_, step) => point(step, step === 7 ? 100 : 1));
    expect(isWide(columnsOf({ points: many, previous: [] }, 'loss'))).toBe(true);
  });

  test('says in words how it stands', () => {
    const training = { ...running(...points), steps: 10 };
    expect(spoken(training)).toBe('Running: step 3 of 10, loss 0.01, validation 2.5');
    expect(stateText({ ...training, running: false, how: 'stopped' })).toBe('Stopped');
    expect(stateText({ ...running(), running: false })).toBe('No training yet');
  });

  test('shortens numbers, times and points', () => {
    expect([0, 0.00012, 0.08471, 123456, 12.5].map(shortNumber)).toEqual(['0', '1.20e-4', '0.08471', '1.23e+5', '12.5']);
    expect([3.2, 200, 18720].map(duration)).toEqual(['4 s', '3 min 20 s', '5 h 12 min']);
    const many = Array.from({ length: 2500 }, (_, step) => point(step, 1));
    expect(thinned(many, 1000).length).toBe(1000);
    expect(thinned(many, 1000).at(-1)).toBe(many.at(-1));
  });
});

test('messages are one line', () => {
  expect(oneLine('first line.\n  second\n\nthird;\nfourth')).toBe('first line. second; third; fourth');
});

test('JSON with the marker is an artifact, and nothing else is', () => {
  expect(isMarked('json', '{"format" : "torchlean.ir.v1"}')).toBe(true);
  expect(isMarked('json', '{"format": "torchlean.ir.v2"}')).toBe(false);
  expect(isMarked('torchlean-ir', '{"format": "torchlean.ir.v1"}')).toBe(false);
});
