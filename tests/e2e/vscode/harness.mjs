// What every scenario needs: the options of the run, new folders, and a workbench that is cleaned up after.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';
import { Workbench } from './workbench.mjs';

export const { values: options } = parseArgs({
  options: Object.fromEntries(
    ['code-server', 'playwright', 'browser', 'server', 'vsix', 'output', 'only'].map((name) => [name, { type: 'string' }]),
  ),
});
const { chromium } = createRequire(import.meta.url)(options.playwright);
export const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'torchlean-workbench-'));
export const common = { codeServer: options['code-server'], scratch, output: options.output };

/** A new folder with the given files in it. */
export function folderOf(name, files) {
  const folder = path.join(scratch, name);
  for (const [file, text] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
    fs.writeFileSync(path.join(folder, file), text);
  }
  return folder;
}

const ROOT = path.join(import.meta.dirname, '../../..');

/** The Python in which the language server of the run is installed. */
export function serverPython() {
  return path.join(path.dirname(options.server), 'python');
}

let built;

/** A wheel of this checkout. */
export function wheel() {
  if (built === undefined) {
    const folder = path.join(scratch, 'wheel');
    const args = ['-m', 'pip', 'wheel', '--quiet', '--no-deps', '--wheel-dir', folder, ROOT];
    const { status, stderr } = spawnSync(serverPython(), args, { encoding: 'utf8' });
    if (status !== 0) {
      throw new Error(`no wheel could be built: ${stderr}`);
    }
    built = path.join(folder, fs.readdirSync(folder)[0]);
  }
  return built;
}

/** Workbenches that an interrupted run has to take along. */
export const running = new Set();

export async function withWorkbench(name, settings, body) {
  const browser = await chromium.launch({
    executablePath: options.browser,
    headless: true,
    args: '--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync'.split(' '),
  });
  const workbench = new Workbench({ ...common, ...settings, name });
  running.add(workbench);
  try {
    await workbench.start(browser);
    await body(workbench);
  } catch (error) {
    await workbench.screenshot('failure').catch(() => undefined);
    throw error;
  } finally {
    workbench.saveLogs();
    await browser.close();
    await workbench.stop();
    running.delete(workbench);
  }
}
