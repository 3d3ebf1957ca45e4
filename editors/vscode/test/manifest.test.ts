// What package.json says is there: commands, files, and the version of the server that belongs to it.
import * as fs from 'node:fs';
import * as path from 'node:path';
import { expect, test } from 'vitest';

const root = path.join(import.meta.dirname, '..');
const text = fs.readFileSync(path.join(root, 'package.json'), 'utf8');

interface Command {
  readonly command: string;
  readonly title: string;
}

interface Manifest {
  readonly version: string;
  readonly icon: string;
  readonly capabilities: { readonly untrustedWorkspaces: { readonly restrictedConfigurations: readonly string[] } };
  readonly contributes: {
    readonly configuration: { readonly properties: Readonly<Record<string, unknown>> };
    readonly commands: readonly Command[];
    readonly menus: Readonly<Record<string, readonly Partial<Command>[]>>;
    readonly keybindings: readonly { readonly command: string }[];
  };
}

const manifest = JSON.parse(text) as Manifest;
const commands = manifest.contributes.commands.map(({ command }) => command);
const sources = fs
  .readdirSync(path.join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.startsWith('webview'))
  .map((file) => fs.readFileSync(path.join(root, 'src', file), 'utf8'))
  .join('\n');

test.each(commands)('%s is registered', (command) => {
  const name = command.replace('torchlean-ls.', '');
  const registered = new RegExp(`'${command}'|register\\('${name}'|^\\s+${name}: (?:async )?\\(\\) =>`, 'm');
  expect(sources).toMatch(registered);
});

test('menus, key bindings and links name commands that there are', () => {
  const named = [...text.matchAll(/"command": "(torchlean-ls\.\w+)"|command:(torchlean-ls\.\w+)/g)].map((found) => found[1] ?? found[2]);
  expect(named.filter((command) => command === undefined || !commands.includes(command))).toEqual([]);
});

test('every file that is named is there', () => {
  const named = [...text.matchAll(/"(?:\.\/)?((?:media|snippets|syntaxes)\/[\w./-]+)"/g)].map((found) => found[1] ?? '');
  expect(named.length).toBeGreaterThan(8);
  expect(named.filter((file) => !fs.existsSync(path.join(root, file)))).toEqual([]);
});

test('a schema that is named is one of the project', () => {
  const named = [...text.matchAll(/schema\/([\w.]+\.schema\.json)/g)].map((found) => found[1] ?? '');
  expect(named.length).toBeGreaterThan(1);
  expect(named.filter((file) => !fs.existsSync(path.join(root, '../../schema', file)))).toEqual([]);
});

test('the version is that of the server, which is installed by it', () => {
  const program = fs.readFileSync(path.join(root, '../../core/torchlean_core/__init__.py'), 'utf8');
  expect(/^__version__ = "(.*)"$/m.exec(program)?.[1]).toBe(manifest.version);
});

/** What a workspace may say before it is trusted: how things look, and which files are looked at. Nothing runs by it, or is written. */
const HARMLESS = [
  'torchlean.validate',
  'torchlean.inlayHints.parents',
  'torchlean.inlayHints.debugTargets',
  'torchlean.inlayHints.shapes',
  'torchlean.artifacts',
  'torchlean.device',
  'torchlean.dialect',
  'torchlean.trace.server',
];

test('a setting is harmless, or not taken from a workspace that is not trusted', () => {
  const { restrictedConfigurations } = manifest.capabilities.untrustedWorkspaces;
  const all = Object.keys(manifest.contributes.configuration.properties);
  expect([...HARMLESS, ...restrictedConfigurations].sort()).toEqual(all.sort());
});
