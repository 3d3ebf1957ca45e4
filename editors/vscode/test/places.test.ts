// What is told of paths.
import * as os from 'node:os';
import { expect, test } from 'vitest';
import { homeAsTilde, withoutPlaces } from '../src/places';

const home = os.homedir();

test('the home folder is not told', () => {
  expect(homeAsTilde(`${home}/.venv/bin/python`)).toBe('~/.venv/bin/python');
});

test('folders of the workspace are told by number, the inner one before the one around it', () => {
  const text = `${home}/work/m.py ${home}/work/inner/n.py ${home}/x /usr/bin`;
  expect(withoutPlaces(text, [`${home}/work`, `${home}/work/inner`])).toBe('<folder 1>/m.py <folder 2>/n.py ~/x /usr/bin');
});

test('a workspace that is the whole disk hides nothing', () => {
  expect(withoutPlaces('/usr/bin', ['/'])).toBe('/usr/bin');
});
