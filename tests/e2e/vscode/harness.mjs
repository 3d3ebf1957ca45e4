// What every scenario needs: the options of the run, new folders, and a workbench that is cleaned up after.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { AsyncLocalStorage } from 'node:async_hooks';
import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { parseArgs, promisify } from 'node:util';
import { Workbench } from './workbench.mjs';

export const { values: options } = parseArgs({
  options: Object.fromEntries(
    ['code-server', 'playwright', 'browser', 'server', 'vsix', 'output', 'only', 'lanes'].map((name) => [name, { type: 'string' }]),
  ),
});
const { chromium } = createRequire(import.meta.url)(options.playwright);
export const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'torchlean-workbench-'));
export const common = { codeServer: options['code-server'], scratch, output: options.output };

/** A scenario that measures time: nothing else runs meanwhile. */
export const alone = (scenario) => Object.assign(scenario, { alone: true });

/** A scenario that takes long: it is begun early, so that no lane waits for it at the end. */
export const long = (scenario) => Object.assign(scenario, { long: true });

/**
 * A scenario that needs no editor that was just started: it gets one in which others have worked before, opened on the folder
 * above its own.
 */
export const sharing = (scenario) => Object.assign(scenario, { sharing: true });

/** The lane that a scenario runs in: they run one after another in it, in a browser of its own. */
const lanes = new AsyncLocalStorage();

/** A new folder with the given files in it. */
export function folderOf(name, files) {
  const folder = path.join(lanes.getStore().folder, name);
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
  built ??= (async () => {
    const folder = path.join(scratch, 'wheel');
    const args = ['-m', 'pip', 'wheel', '--quiet', '--no-deps', '--wheel-dir', folder, ROOT];
    await promisify(execFile)(serverPython(), args);
    return path.join(folder, fs.readdirSync(folder)[0]);
  })();
  return built;
}

/** Workbenches that an interrupted run has to take along. */
export const running = new Set();

const BROWSER_ARGUMENTS = '--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync';

export class Lane {
  browser;
  /** The workbench that scenarios use one after another, those that need none of their own. */
  shared;

  constructor(name) {
    this.name = name;
    this.folder = path.join(scratch, name, 'models');
    fs.mkdirSync(this.folder, { recursive: true });
  }

  /** Runs a scenario; nothing of its files is left to the next one. */
  async run(scenario) {
    this.scenario = scenario;
    try {
      await lanes.run(this, scenario);
    } finally {
      for (const name of fs.readdirSync(this.folder)) {
        fs.rmSync(path.join(this.folder, name), { recursive: true, force: true, maxRetries: 5 });
      }
    }
  }

  async start(settings) {
    this.browser ??= await chromium.launch({ executablePath: options.browser, headless: true, args: BROWSER_ARGUMENTS.split(' ') });
    const workbench = new Workbench({ ...common, ...settings });
    running.add(workbench);
    await workbench.start(this.browser);
    return workbench;
  }

  async stop(workbench) {
    await workbench.stop();
    running.delete(workbench);
  }

  async close() {
    await this.dropShared();
    await this.browser?.close();
  }

  /** The next scenario gets a new one. */
  async dropShared() {
    const { shared } = this;
    this.shared = undefined;
    if (shared !== undefined) {
      await this.stop(shared);
    }
  }
}

/** Opens a workbench on a folder, for one scenario. */
export async function withWorkbench(name, settings, body) {
  const lane = lanes.getStore();
  const shared = lane.scenario.sharing === true;
  let workbench;
  try {
    if (shared) {
      // With the title from the start: a change that comes before the editor watches its files would be missed.
      const first = { ...settings.settings, 'window.title': name };
      lane.shared ??= await lane.start({ settings: first, name: `${lane.name}-shared`, folder: lane.folder });
      workbench = lane.shared;
      await workbench.begin(name, settings);
    } else {
      workbench = await lane.start({ ...settings, name });
    }
    await body(workbench);
  } catch (error) {
    await workbench?.screenshot('failure').catch(() => undefined);
    await (shared ? lane.dropShared() : undefined);
    throw error;
  } finally {
    workbench?.saveLogs();
    if (!shared && workbench !== undefined) {
      await lane.stop(workbench);
    }
  }
  if (shared) {
    // Where it cannot be tidied up, the next scenario does not have to live with that.
    await workbench.end().catch(() => lane.dropShared());
  }
}
