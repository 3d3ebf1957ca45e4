// Where the files of a graph went.
import { expect, test } from 'vitest';
import { filesOf, movedSource } from '../src/graph/files';

const [A, B, C] = ['file:///w/a/m.ir.json', 'file:///w/a/old.ir.json', 'file:///w/b/n.ir.json'];

test('a graph goes along with its file, and with a folder around it', () => {
  expect(movedSource({ uri: A }, A, C)).toEqual({ uri: C });
  expect(movedSource({ uri: A }, 'file:///w/a', 'file:///w/z')).toEqual({ uri: 'file:///w/z/m.ir.json' });
  expect(movedSource({ uri: A }, 'file:///w/a/m', C)).toEqual({ uri: A });
});

test('so does a comparison with each of its files, and a name of its own it keeps', () => {
  const compared = { uri: A, against: { uri: B, name: 'old.ir.json' } };
  expect(movedSource(compared, B, C)).toEqual({ uri: A, against: { uri: C, name: 'n.ir.json' } });
  expect(movedSource(compared, 'file:///x', C)).toEqual(compared);
  const committed = { uri: A, against: { git: 'HEAD', name: 'HEAD' } };
  expect(movedSource(committed, A, C)).toEqual({ uri: C, against: { git: 'HEAD', name: 'HEAD' } });
  expect([filesOf(compared), filesOf(committed)]).toEqual([[A, B], [A]]);
});
