// Drives the extension in a real VS Code workbench: code-server, opened in headless Chromium. Started by run.sh.
import fs from 'node:fs';
import path from 'node:path';
import { common, options, running, scratch } from './harness.mjs';
import { installExtension } from './workbench.mjs';

// An interrupted run takes its editor along: that one has a process group of its own.
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    for (const workbench of running) {
      workbench.kill();
    }
    fs.rmSync(scratch, { recursive: true, force: true });
    process.exit(130);
  });
}

const folder = path.join(import.meta.dirname, 'scenarios');
const files = fs.readdirSync(folder).filter((name) => name.endsWith('.mjs')).sort();
const all = await Promise.all(files.map(async (name) => Object.entries((await import(path.join(folder, name))).scenarios)));
const chosen = all.flat().filter(([name]) => name.includes(options.only ?? ''));
if (chosen.length === 0) {
  throw new Error(`no scenario has "${options.only}" in its name`);
}
let failures = 0;
try {
  installExtension(common, options.vsix);
  for (const [name, scenario] of chosen) {
    const begin = performance.now();
    try {
      await scenario();
      console.log(`ok      ${name} (${((performance.now() - begin) / 1000).toFixed(1)} s)`);
    } catch (error) {
      failures += 1;
      console.log(`FAILED  ${name}\n${error.stack}`);
    }
  }
} finally {
  fs.rmSync(scratch, { recursive: true, force: true, maxRetries: 5 });
}
process.exitCode = failures === 0 ? 0 : 1;
