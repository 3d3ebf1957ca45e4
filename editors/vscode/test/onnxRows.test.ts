// The list of ONNX files.
import { expect, test } from 'vitest';
import { rowsOf } from '../src/onnxRows';
import { Uri } from './fake/vscode';

test('files are listed by folder and name', () => {
  const files = ['/work/nets/b.onnx', '/work/z.onnx', '/work/nets/a.onnx.gz'].map((file) => Uri.file(file));
  const rows = rowsOf(files as never, (file) => file.path.replace('/work/', ''));
  expect(rows.map(({ label, description }) => [description, label])).toEqual([
    ['', 'z.onnx'],
    ['nets', 'a.onnx.gz'],
    ['nets', 'b.onnx'],
  ]);
  expect(rows[1]?.file).toBe(files[2]);
});
