// Bundles the extension into dist/extension.js (what starts) and dist/main.js (the rest), and each folder of src/webview into
// dist/webview/NAME.js, with the licenses of the packages that are in them.
import fs from 'node:fs';
import path from 'node:path';
import * as esbuild from 'esbuild';

const production = process.argv.includes('--production');
const watch = process.argv.includes('--watch');

/** Files that were bundled, by bundle: each build knows its own only. */
const bundled = new Map();

/** Packages in all bundles, each with its license. */
const shipped = new Set();

const licenses = {
  name: 'licenses',
  setup(build) {
    build.onEnd(({ metafile }) => {
      bundled.set(build, Object.keys(metafile?.inputs ?? {}));
      const inputs = [...bundled.values()].flat();
      const packages = new Set(inputs.map((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0]).filter(Boolean));
      shipped.clear();
      const texts = [...packages].sort().map((folder) => {
        const { name, version, license } = JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'));
        shipped.add(`${name} ${license}`);
        const own = fs.readdirSync(folder).find((entry) => /^licen[sc]e/i.test(entry));
        // A package without its license text has it in our folder.
        const file = own === undefined ? path.join('licenses', `${name.replace('/', '+')}.txt`) : path.join(folder, own);
        if (!fs.existsSync(file)) {
          throw new Error(`${name} has no license file, and ${file} does not exist`);
        }
        return `${name} ${version} (${license})\n\n${fs.readFileSync(file, 'utf8').trim()}\n`;
      });
      fs.writeFileSync('dist/third-party-licenses.txt', texts.join(`\n${'-'.repeat(80)}\n\n`));
    });
  },
};

const shared = {
  bundle: true,
  minify: production,
  sourcemap: !production,
  metafile: true,
  plugins: [licenses],
  logLevel: 'info',
};

const extension = {
  ...shared,
  entryPoints: ['src/extension.ts', 'src/main.ts'],
  outdir: 'dist',
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  external: ['vscode', './main.js'],
  supported: { 'dynamic-import': false }, // a `require`: the editor gives the module `vscode` to those
};

const folders = fs.existsSync('src/webview') ? fs.readdirSync('src/webview', { withFileTypes: true }) : [];
const pages = folders
  .filter((entry) => entry.isDirectory() && fs.existsSync(path.join('src/webview', entry.name, 'main.ts')))
  .map(({ name }) => ({
    ...shared,
    entryPoints: [path.join('src/webview', name, 'main.ts')],
    outfile: `dist/webview/${name}.js`,
    platform: 'browser',
    format: 'iife',
    target: 'es2022',
  }));

fs.rmSync('dist', { recursive: true, force: true });
copyFromProject();
for (const options of [extension, ...pages]) {
  const context = await esbuild.context(options);
  if (watch) {
    await context.watch();
  } else {
    await context.rebuild();
    await context.dispose();
  }
}

if (!watch) {
  requireListed();
}

/** Has the build fail where the project's list of what is shipped is not complete, or names what is not. */
function requireListed() {
  const [, section = ''] = fs.readFileSync('../../THIRD-PARTY.md', 'utf8').split('## In the VS Code extension');
  const rows = [...section.matchAll(/^\| ([@\w./-]+) \| ([\w.-]+) \|$/gm)].map(([, name, license]) => `${name} ${license}`);
  const listed = new Set(rows.slice(1)); // the first is the head
  const differing = [...shipped, ...listed].filter((entry) => !shipped.has(entry) || !listed.has(entry));
  if (differing.length > 0) {
    throw new Error(`THIRD-PARTY.md and what is bundled differ: ${differing.join(', ')}`);
  }
}

/** What the extension needs of the project's own files. */
function copyFromProject() {
  fs.mkdirSync('dist/schema', { recursive: true });
  for (const name of fs.readdirSync('../../schema')) {
    fs.copyFileSync(path.join('../../schema', name), path.join('dist/schema', name));
  }
  const pinned = fs.readFileSync('../../constraints.txt', 'utf8').split('\n').filter((line) => /^[\w.-]+==/.test(line));
  fs.writeFileSync('dist/constraints.txt', `${pinned.join('\n')}\n`);
}
