// Steps that follow one another, and what happens lately.
import { expect, test } from 'vitest';
import { Recent, Turns } from '../src/turns';

function turns(): { turns: Turns; errors: unknown[]; done: string[]; step: (name: string) => () => Promise<void> } {
  const errors: unknown[] = [];
  const done: string[] = [];
  const step = (name: string) => async (): Promise<void> => {
    done.push(`${name} begins`);
    await new Promise((resolve) => setTimeout(resolve, 1));
    done.push(`${name} ends`);
  };
  return { turns: new Turns((error) => errors.push(error)), errors, done, step };
}

test('steps do not overlap', async () => {
  const { turns: all, done, step } = turns();
  void all.run('a', step('a'));
  void all.run('b', step('b'));
  await all.settled();
  expect(done).toEqual(['a begins', 'a ends', 'b begins', 'b ends']);
});

test('what waits already is not done twice, and whoever asked waits for the one', async () => {
  const { turns: all, done, step } = turns();
  const asked = [1, 2, 3].map(() => all.run('refresh', step('refresh'), 5));
  await Promise.all(asked);
  expect(done).toEqual(['refresh begins', 'refresh ends']);
});

test('what has begun is done again: it may have read what changed since', async () => {
  const { turns: all, done, step } = turns();
  void all.run('refresh', async () => {
    void all.run('refresh', step('second'));
    await step('first')();
  });
  await all.settled();
  await all.settled();
  expect(done).toEqual(['first begins', 'first ends', 'second begins', 'second ends']);
});

test('a restart that waits does what a refresh would', async () => {
  const { turns: all, done, step } = turns();
  void all.run('stop', step('stop'));
  void all.run('restart', step('restart'));
  await all.run('refresh', step('refresh'), 0, ['restart']);
  expect(done).toEqual(['stop begins', 'stop ends', 'restart begins', 'restart ends']);
});

test('a step that fails is told, and the next one is done', async () => {
  const { turns: all, errors, done, step } = turns();
  await all.run('a', () => Promise.reject(new Error('no')));
  await all.run('b', step('b'));
  expect(errors).toEqual([new Error('no')]);
  expect(done).toHaveLength(2);
});

test('only what happened lately counts', () => {
  let now = 0;
  const recent = new Recent(100, () => now);
  expect(recent.add()).toBe(1);
  now = 50;
  expect(recent.add()).toBe(2);
  now = 120;
  expect(recent.add()).toBe(2);
  recent.forget();
  expect(recent.add()).toBe(1);
});
