// Which trainings run: what ends the server has to know.
import { expect, test } from 'vitest';
import { noted, onDidEndTrainings, runningTrainings, trainedNow } from '../src/training/running';

const [one, other] = ['file:///w/a.ir.json', 'file:///w/b.ir.json'];

test('trainings are known from their begin to their end, and the last end is told', () => {
  let ends = 0;
  const listening = onDidEndTrainings(() => (ends += 1));
  noted({ kind: 'begin', uri: one, run: '1' });
  noted({ kind: 'begin', uri: other, run: '2' });
  noted({ kind: 'points', uri: one, run: '1' });
  expect(trainedNow()).toBe('a.ir.json, b.ir.json');
  noted({ kind: 'end', uri: one, run: 'of another one' });
  expect(runningTrainings()).toEqual([[one, '1'], [other, '2']]);
  noted({ kind: 'end', uri: one, run: '1' });
  expect([trainedNow(), ends]).toEqual(['b.ir.json', 0]);
  noted({ kind: 'end', uri: other, run: '2' });
  expect([trainedNow(), ends]).toEqual(['', 1]);
  listening.dispose();
});
