// The server's log by level.
import { expect, test } from 'vitest';
import { ServerLog } from '../src/log';

function written(...lines: string[]): { seen: string[]; log: ServerLog } {
  const seen: string[] = [];
  const at = (level: string) => (text: string | Error) => void seen.push(`${level} ${String(text)}`);
  const log = new ServerLog({ debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') });
  lines.forEach((line) => log.write(line));
  return { seen, log };
}

test('a line has the level that the server gave it, and what follows it belongs to it', () => {
  const { seen } = written('WARNING torchlean_ls.server: odd', 'ERROR a.b: failed', 'Traceback (most recent call last):', '  File "x"', 'INFO c: fine');
  expect(seen).toEqual([
    'warn torchlean_ls.server: odd',
    'error a.b: failed',
    'error Traceback (most recent call last):',
    'error   File "x"',
    'info c: fine',
  ]);
});

test('a line that nobody logged is no error, a traceback is', () => {
  expect(written('listening').seen).toEqual(['info listening']);
  expect(written('Traceback (most recent call last):').seen).toEqual(['error Traceback (most recent call last):']);
});

test('of a traceback the exception is told', () => {
  const { log } = written('Traceback (most recent call last):', '  File "x", line 1', '    run()', 'ModuleNotFoundError: No module named y', '');
  expect(log.lastWords).toBe('ModuleNotFoundError: No module named y');
  expect(written('ERROR a: no room').log.lastWords).toBe('a: no room');
  expect(written().log.lastWords).toBe('');
});
