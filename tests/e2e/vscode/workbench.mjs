// One code-server with one page on it, and what a user does there.
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** Long: a machine that has other work to do is slow, and only a failure waits for all of it. */
export const PATIENCE_MS = 60_000;
/** How long the editor may take to notice that a file of settings was written. */
const NOTICED_MS = 5_000;

const VIEWPORT = { width: 1100, height: 620 };

const QUIET_SETTINGS = {
  'workbench.startupEditor': 'none',
  'workbench.colorTheme': 'Default Light Modern',
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'chat.commandCenter.enabled': false,
  'editor.minimap.enabled': false,
  'telemetry.telemetryLevel': 'off',
  'update.mode': 'none',
  'extensions.autoUpdate': false,
  'extensions.autoCheckUpdates': false,
  'git.enabled': false,
  'workbench.editor.enablePreview': false,
};

/** Everything is written below the scratch folder, nothing into the home folder. */
function environment(scratch) {
  const env = { ...process.env };
  for (const name of ['XDG_CONFIG_HOME', 'XDG_DATA_HOME', 'XDG_CACHE_HOME', 'XDG_RUNTIME_DIR', 'TMPDIR']) {
    env[name] = path.join(scratch, name.toLowerCase());
    fs.mkdirSync(env[name], { recursive: true, mode: 0o700 });
  }
  // Left over when the tests are started from a terminal of VS Code itself.
  for (const name of Object.keys(env)) {
    if (name.startsWith('VSCODE_') || name === 'ELECTRON_RUN_AS_NODE') {
      delete env[name];
    }
  }
  return env;
}

function emptyConfig(scratch) {
  const file = path.join(scratch, 'code-server.yaml');
  fs.writeFileSync(file, '');
  return file;
}

export function installExtension({ codeServer, scratch, output }, vsix) {
  const folders = ['--config', emptyConfig(scratch), '--user-data-dir', path.join(scratch, 'install-data')];
  const args = [codeServer, ...folders, '--extensions-dir', path.join(scratch, 'extensions'), '--install-extension', path.resolve(vsix)];
  const result = spawnSync(process.execPath, args, { env: environment(scratch), encoding: 'utf8' });
  fs.writeFileSync(path.join(output, 'install-extension.log'), `${result.stdout}${result.stderr}`);
  if (result.status !== 0) {
    throw new Error(`The extension could not be installed:\n${result.stdout}${result.stderr}`);
  }
}

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export class Workbench {
  /**
   * @param folder What is opened: a folder, or a file that names several (`.code-workspace`).
   * @param withoutServer Whether PATH is without folders that have a language server.
   */
  constructor({ codeServer, scratch, output, name, folder, settings, trust = false, withoutServer = false }) {
    Object.assign(this, { codeServer, scratch, output, name, folder, settings, trust, withoutServer });
    this.data = path.join(scratch, `data-${name}`);
    this.log = '';
    this.logged = new Map();
  }

  async start(browser) {
    this.changeSettings(this.settings);
    this.port = await freePort();
    const flags = ['--disable-telemetry', '--disable-update-check', '--disable-getting-started-override'];
    if (!this.trust) {
      flags.push('--disable-workspace-trust');
    }
    const args = [
      this.codeServer, '--config', emptyConfig(this.scratch), '--auth', 'none', '--bind-addr', `127.0.0.1:${this.port}`,
      '--user-data-dir', this.data, '--extensions-dir', path.join(this.scratch, 'extensions'), ...flags, this.folder,
    ];
    const env = environment(this.scratch);
    if (this.withoutServer) {
      const has = (place) => fs.existsSync(path.join(place, 'torchlean'));
      env.PATH = env.PATH.split(path.delimiter).filter((place) => !has(place)).join(path.delimiter);
    }
    this.process = spawn(process.execPath, args, { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    this.process.stdout.on('data', (chunk) => (this.log += chunk));
    this.process.stderr.on('data', (chunk) => (this.log += chunk));
    await this.until(
      () => fetch(`http://127.0.0.1:${this.port}/healthz`).then((response) => response.ok, () => false),
      'code-server answers',
    );
    this.page = await browser.newPage({ viewport: VIEWPORT });
    this.page.setDefaultTimeout(PATIENCE_MS);
    this.page.on('console', (message) => (this.log += `[page] ${message.text()}\n`));
    const kind = this.folder.endsWith('.code-workspace') ? 'workspace' : 'folder';
    await this.page.goto(`http://127.0.0.1:${this.port}/?${kind}=${encodeURIComponent(this.folder)}`);
    await this.page.waitForSelector('.monaco-workbench .part.statusbar .statusbar-item');
  }

  /** Begins another scenario in this workbench: in a folder in the one that is open, with these settings. */
  async begin(name, settings) {
    Object.assign(this, { name, folderOfScenario: settings.folder, logged: this.serverLogs(), log: '' });
    this.page.setDefaultTimeout(PATIENCE_MS);
    await this.page.setViewportSize(VIEWPORT);
    // The title tells when the settings are those of now.
    this.changeSettings({ ...settings.settings, 'window.title': name });
    const isRead = async () => (await this.page.title()) === name;
    const deadline = performance.now() + NOTICED_MS;
    while (!(await isRead()) && performance.now() < deadline) {
      await delay(200);
    }
    if (!(await isRead())) {
      await this.reload(); // the editor has not noticed that its file was written; it reads it when it begins
    }
    await this.until(isRead, 'the settings are read');
    await this.rowOfScenario().click();
    await this.until(async () => (await this.rowOfScenario().getAttribute('aria-expanded')) === 'true', `${name} is unfolded`);
  }

  rowOfScenario() {
    return this.page.locator(`.explorer-folders-view .monaco-list-row[aria-level="1"][aria-label="${path.basename(this.folderOfScenario)}"]`);
  }

  /** Leaves the workbench to the next scenario: nothing is open, and the files are gone. */
  async end() {
    await this.runCommand('View: Close All Editors');
    await this.closeNotifications();
    const panel = this.page.locator('.part.panel');
    if (await panel.isVisible()) {
      await this.page.keyboard.press('Control+j');
      await panel.waitFor({ state: 'hidden' });
    }
    fs.rmSync(this.folderOfScenario, { recursive: true, force: true });
    await this.rowOfScenario().waitFor({ state: 'detached' });
  }

  /** The window as after "Developer: Reload Window": pages and editors come back, extensions start anew. */
  async reload() {
    await this.page.reload();
    await this.page.waitForSelector('.monaco-workbench .part.statusbar .statusbar-item');
  }

  /** Also while it runs: the files are watched. The extension's own may be those of a machine, which are read from a file of their own. */
  changeSettings(settings) {
    const own = Object.fromEntries(Object.entries(settings).filter(([name]) => name.startsWith('torchlean.')));
    for (const [place, values] of [['User', { ...QUIET_SETTINGS, ...settings }], ['Machine', own]]) {
      fs.mkdirSync(path.join(this.data, place), { recursive: true });
      fs.writeFileSync(path.join(this.data, place, 'settings.json'), JSON.stringify(values, null, 2));
    }
  }

  /** Another theme, as a user chooses it: by its label. */
  async chooseTheme(theme) {
    await this.page.keyboard.press('Control+k');
    await this.page.keyboard.press('Control+t');
    const input = this.page.locator('.quick-input-widget input.input');
    await input.waitFor();
    await input.fill(theme);
    await this.page.locator('.quick-input-widget .monaco-list-row.focused').waitFor();
    await this.page.keyboard.press('Enter');
    await this.page.locator('.quick-input-widget').waitFor({ state: 'hidden' });
  }

  /** The whole process group: code-server, the extension host, the language server. */
  async stop() {
    if (this.process === undefined || this.process.exitCode !== null) {
      return;
    }
    await this.page?.context().close();
    const gone = new Promise((resolve) => this.process.once('exit', resolve));
    process.kill(-this.process.pid, 'SIGTERM');
    await Promise.race([gone, delay(5000)]);
    this.kill();
  }

  kill() {
    try {
      process.kill(-this.process.pid, 'SIGKILL');
    } catch {
      // All of them have ended.
    }
  }

  /** Waits for a condition that only this side can see. */
  async until(condition, what) {
    const deadline = performance.now() + PATIENCE_MS;
    while (!(await condition())) {
      if (performance.now() > deadline) {
        const shown = (await this.page?.locator('.notification-toast').allInnerTexts()) ?? [];
        throw new Error(`waited in vain: ${what}; notifications: ${shown.map(normal).join(' | ') || 'none'}`);
      }
      await delay(100);
    }
  }

  async screenshot(step) {
    await this.page?.screenshot({ path: path.join(this.output, `${this.name}-${step}.png`), animations: 'disabled' });
  }

  /** The output channel of the extension, as far as it is written to disk, since the scenario began. */
  serverLog() {
    return [...this.serverLogs()].map(([file, text]) => text.slice(this.logged.get(file)?.length ?? 0)).join('');
  }

  /** What was ever written to it, by file: each window that is loaded has one of its own. */
  serverLogs() {
    const logs = fs.existsSync(this.data) ? fs.readdirSync(this.data, { recursive: true }).sort() : [];
    const files = logs.filter((entry) => path.basename(entry) === 'TorchLean.log');
    return new Map(files.map((file) => [file, fs.readFileSync(path.join(this.data, file), 'utf8')]));
  }

  saveLogs() {
    fs.writeFileSync(path.join(this.output, `${this.name}.log`), this.log);
    fs.writeFileSync(path.join(this.output, `${this.name}-language-server.log`), this.serverLog());
  }

  /** From the explorer. Quick Open finds no files here: it needs a search program that is not installed. */
  async openFile(file) {
    await this.page.locator(`.explorer-folders-view .monaco-list-row[aria-label^="${file}"]`).dblclick();
    await this.page.waitForSelector(`.tab.active[data-resource-name="${file}"]`);
    await this.page.waitForSelector('.editor-instance .monaco-editor .view-line');
    await this.page.waitForSelector('.editor-instance .monaco-editor.focused');
  }

  async runCommand(title) {
    await this.quickInput('F1', `>${title}`, (row) => row.startsWith(title));
  }

  async placeCursor(line, column) {
    await this.page.keyboard.press('Control+g');
    const input = this.page.locator('.quick-input-widget input.input');
    await input.waitFor();
    await input.fill(`:${line}:${column}`);
    await this.page.keyboard.press('Enter');
    await input.waitFor({ state: 'hidden' });
  }

  async quickInput(key, text, accepts) {
    await this.page.keyboard.press(key);
    const input = this.page.locator('.quick-input-widget input.input');
    await input.waitFor();
    await input.fill(text);
    // The list is refilled while it is filtered: the first row counts only once it is the wanted one.
    await this.until(async () => {
      const first = this.page.locator('.quick-input-widget .monaco-list-row').first();
      return (await first.count()) > 0 && accepts(normal(await first.innerText()));
    }, `"${text}" is the first choice`);
    await this.page.keyboard.press('Enter');
    // Gone, or in use again for a question of the command.
    await this.until(async () => !(await input.isVisible()) || (await input.inputValue()) !== text, `"${text}" was taken`);
  }

  /** Answers the question of an input box with `text`, or takes what it proposes. Returns the proposal. */
  async answer(question, text) {
    const box = this.page.locator('.quick-input-widget', { hasText: question });
    const input = box.locator('input.input');
    await input.waitFor();
    const proposal = await input.inputValue();
    if (text !== undefined) {
      await input.fill(text);
    }
    await this.page.keyboard.press('Enter');
    await box.waitFor({ state: 'hidden' });
    return proposal;
  }

  /** Again where the editor says that there are none: it does so while findings are renewed, as after a file was opened. */
  async openQuickFixes() {
    const action = this.page.locator('.action-widget .monaco-list-row.action').first();
    await this.until(async () => {
      await this.page.keyboard.press('Control+.');
      return action.waitFor({ timeout: 5000 }).then(() => true, () => false);
    }, 'quick fixes are shown');
  }

  async openSourceActions() {
    await this.runCommand('Source Action...');
    await this.page.waitForSelector('.action-widget .monaco-list-row.action');
  }

  /** By keyboard: a mouse click on the menu is intercepted. */
  async chooseAction(title) {
    const rows = this.page.locator('.action-widget .monaco-list-row.action');
    const count = await rows.count();
    for (let step = 0; step <= count; step += 1) {
      const focused = this.page.locator('.action-widget .monaco-list-row.focused');
      if ((await focused.count()) > 0 && title.test(normal(await focused.first().innerText()))) {
        await this.page.keyboard.press('Enter');
        return;
      }
      await this.page.keyboard.press('ArrowDown');
    }
    throw new Error(`no action ${title} among: ${(await rows.allInnerTexts()).map(normal).join(' | ')}`);
  }

  /** What the editor shows, inlay hints and all. */
  async text() {
    return normal(await this.page.locator('.editor-instance .view-lines').first().innerText());
  }

  /** Presses the button of a notification. */
  async answerNotification(pattern, title) {
    const toast = this.page.locator('.notification-toast', { hasText: pattern }).first();
    await toast.locator('.monaco-button', { hasText: title }).first().click();
  }

  /** Opens the menu of the status item; its entries. */
  async openMenu() {
    await this.page.locator('.statusbar-item[aria-label*="TorchLean language server"] a').first().click();
    const rows = this.page.locator('.quick-input-widget .monaco-list-row');
    await rows.first().waitFor();
    return (await rows.allInnerTexts()).map(normal);
  }

  /** What the braces in the status bar tell of the file that is looked at. */
  async openLanguageStatus() {
    await this.page.locator('.statusbar-item[id="status.languageStatus"] a').click();
    await this.page.waitForSelector('.hover-language-status');
  }

  /** The settings as they are now: the editor writes them, too. */
  currentSettings() {
    const read = (place) => JSON.parse(fs.readFileSync(path.join(this.data, place, 'settings.json'), 'utf8'));
    return { ...read('User'), ...read('Machine') };
  }

  /** Takes an entry of a list that is open, by the beginning of its text. */
  async pick(text) {
    const input = this.page.locator('.quick-input-widget input.input');
    await input.waitFor();
    await input.fill(text);
    await this.until(async () => {
      const first = this.page.locator('.quick-input-widget .monaco-list-row').first();
      return (await first.count()) > 0 && normal(await first.innerText()).includes(text);
    }, `"${text}" is the first choice`);
    await this.page.keyboard.press('Enter');
  }

  async closeNotifications() {
    await this.runCommand('Notifications: Clear All Notifications');
    await this.page.waitForSelector('.notification-toast', { state: 'detached' });
  }

  async waitForNotification(pattern) {
    await this.until(() => this.isNotified(pattern), `a notification ${pattern}`);
  }

  /** Answers a modal question by the button whose title begins so; returns the question. */
  async answerDialog(title, step) {
    const dialog = this.page.locator('.monaco-dialog-box');
    const button = dialog.locator('.monaco-button', { hasText: title }).first();
    await button.waitFor();
    if (step !== undefined) {
      await this.screenshot(step);
    }
    const question = normal(await dialog.locator('.dialog-message-container').innerText());
    await button.click();
    await dialog.waitFor({ state: 'detached' });
    return question;
  }

  /** A code lens that says something, and may do nothing. */
  state(text) {
    return this.page.locator('.codelens-decoration', { hasText: text }).first();
  }

  /** The code lens with this title. */
  lens(title) {
    return this.page.locator('.codelens-decoration a', { hasText: title }).first();
  }

  async cancelProgress(pattern) {
    const toast = this.page.locator('.notification-toast', { hasText: pattern });
    await toast.locator('.monaco-button', { hasText: 'Cancel' }).click();
  }

  async waitForNoNotification(pattern) {
    await this.until(async () => !(await this.isNotified(pattern)), `no notification ${pattern}`);
  }

  async isNotified(pattern) {
    const texts = await this.page.locator('.notification-toast').allInnerTexts();
    return texts.some((text) => pattern.test(normal(text).replaceAll('\n', ' ')));
  }

  /** The status item tells the state of the language server in its label. */
  async waitForStatus(state) {
    await this.page.waitForSelector(`.statusbar-item[aria-label*="TorchLean language server: ${state}"]`);
  }

  async grantTrust() {
    await this.runCommand('Workspaces: Manage Workspace Trust');
    const button = this.page.locator('.workspace-trust-editor .monaco-button', { hasText: /^Trust$/ }).first();
    await button.click();
  }
}

/** VS Code joins words by no-break spaces. */
function normal(text) {
  return text.replaceAll('\u00a0', ' ').trim();
}
