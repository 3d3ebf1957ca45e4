// Which documents the server is for.
import { expect, test } from 'vitest';
import { isOurs } from '../src/seen';

const seen = (languageId: string, text: string): boolean => isOurs({ languageId, fileName: '', getText: () => text });

test.each([
  ['torchlean-ir', ''],
  ['json', '{"format" : "torchlean.ir.v1"}'],
  ['json', '{"input_id": 0, "nodes": []}'],
  ['json', '{"nodes": [], "input_id": 0}'],
  ['python', 'import torch\n'],
  ['python', 'from torch import nn\n'],
  ['python', '"""A model."""\n\ntry:\n    import torch.nn as nn\nexcept ImportError:\n    pass\n'],
  ['python', '# torchlean: example-shape=1,4\nclass Net(Base): pass\n'],
])('%s with %j', (language, text) => {
  expect(seen(language, text)).toBe(true);
});

test.each([
  ['json', '{"nodes": []}'],
  ['json', '{"format": "other"}'],
  ['python', 'import os\n'],
  ['python', 'x = "import torch"\n'],
  ['python', 'import torchvision_like\n'],
  ['markdown', 'import torch\n'],
])('not %s with %j', (language, text) => {
  expect(seen(language, text)).toBe(false);
});
