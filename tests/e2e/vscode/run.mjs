// Drives the extension in a real VS Code workbench: code-server, opened in headless Chromium. Started by run.sh.
import fs from 'node:fs';
import path from 'node:path';
import { common, Lane, options, running, scratch } from './harness.mjs';
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
const chosen = all.flat().filter(([name]) => (options.only ?? '').split('|').some((part) => name.includes(part)));
if (chosen.length === 0) {
  throw new Error(`no scenario has "${options.only}" in its name`);
}
let failures = 0;
const begin = performance.now();
const since = (time) => `${((performance.now() - time) / 1000).toFixed(1)} s`;

/** Runs what waits, one after another. */
async function work(lane, waiting) {
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const [name, scenario] = next;
    const began = performance.now();
    try {
      await lane.run(scenario);
      console.log(`ok      ${name} (${since(began)})`);
    } catch (error) {
      failures += 1;
      console.log(`FAILED  ${name}\n${error.stack}`);
    }
  }
  await lane.close();
}

const together = chosen.filter(([, { alone }]) => !alone);
const count = Math.min(Number(options.lanes ?? 2), together.length);
try {
  installExtension(common, options.vsix);
  // Those that share a workbench come last: until then there is none, which costs time even where nobody looks at it.
  const turn = ([, { long, sharing }]) => (long ? 0 : sharing ? 2 : 1);
  const waiting = together.sort((one, other) => turn(one) - turn(other));
  await Promise.all(Array.from({ length: count }, (_, place) => work(new Lane(`lane-${place + 1}`), waiting)));
  await work(new Lane('alone'), chosen.filter(([, { alone }]) => alone));
  console.log(`${chosen.length - failures} of ${chosen.length} passed (${since(begin)})`);
} finally {
  fs.rmSync(scratch, { recursive: true, force: true, maxRetries: 5 });
}
process.exitCode = failures === 0 ? 0 : 1;
