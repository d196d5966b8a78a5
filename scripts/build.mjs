#!/usr/bin/env node
// Builds dist/: the bundle for nodes, control, command line, extension and pages. Runs under Node 20.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build as esbuild } from 'esbuild';
import { buildKernels } from './build-kernels.mjs';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const dist = path.join(root, 'dist');
const bundle = path.join(dist, 'bundle');
const { version } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'));

/** Platforms whose native parts are packed: clients, and nodes with glibc or musl; and koffi's names of them. */
const nativePlatforms = {
  'linux-x64-gnu': 'linux_x64',
  'linux-x64-musl': 'musl_x64',
  'linux-arm64-gnu': 'linux_arm64',
  'linux-arm64-musl': 'musl_arm64',
  'darwin-x64': 'darwin_x64',
  'darwin-arm64': 'darwin_arm64',
};

const common = {
  absWorkingDir: root,
  bundle: true,
  sourcemap: false,
  minify: true,
  keepNames: true,
  metafile: true,
  logLevel: 'warning',
  legalComments: 'linked',
  define: { BIPHASE_VERSION: JSON.stringify(version) },
};
// Packages written for require() need one inside an ES module, and their folder.
const requireBanner = {
  js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url), __dirname = import.meta.dirname, __filename = import.meta.filename;",
};
const nodeEsm = { ...common, platform: 'node', format: 'esm', target: 'node24', banner: requireBanner };
// ssh2 falls back to JavaScript without these two.
const sshExternals = ['cpu-features', './crypto/build/Release/sshcrypto.node'];

/** Puts a file in place by rename, and only where it changed: a running program keeps what it has loaded. */
function place(file, contents) {
  if (fs.existsSync(file) && fs.readFileSync(file).equals(contents)) return;
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(`${file}.part`, contents);
  fs.renameSync(`${file}.part`, file);
}

async function build(options) {
  const { outputFiles } = await esbuild({ ...options, write: false });
  for (const { path: file, contents } of outputFiles) place(file, Buffer.from(contents));
}

function exists(file) {
  return fs.existsSync(path.join(root, file));
}

async function buildBundle() {
  fs.mkdirSync(bundle, { recursive: true });
  const kernels = path.join(root, '.cache/kernels.wasm');
  await buildKernels(kernels);
  place(path.join(bundle, 'kernels.wasm'), fs.readFileSync(kernels));
  await build({
    ...nodeEsm,
    entryPoints: { biphase: 'src/cli/nodeMain.ts' },
    outdir: bundle,
    outExtension: { '.js': '.mjs' },
  });
  await build({
    ...nodeEsm,
    entryPoints: { 'pool-worker': 'src/trainer/engine/wasm/poolWorker.ts' },
    outdir: bundle,
    outExtension: { '.js': '.mjs' },
  });
  for (const [platform, koffiName] of Object.entries(nativePlatforms)) {
    const folder = path.join(bundle, 'native', platform);
    const parts = {
      'tokenizers.node': `tokenizers/tokenizers.${platform}.node`,
      'koffi.node': `koffi/build/koffi/${koffiName}/koffi.node`,
    };
    for (const [name, file] of Object.entries(parts))
      place(path.join(folder, name), fs.readFileSync(path.join(root, 'node_modules', file)));
  }
  writeBundleList();
}

/** bundle.json: every file with its SHA-256. A platform's hash covers the portable part and that platform's native part. */
function writeBundleList() {
  const files = {};
  for (const entry of fs.readdirSync(bundle, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || entry.name === 'bundle.json' || /\.(LEGAL\.txt|part)$/.test(entry.name)) continue;
    const file = path.join(entry.parentPath, entry.name);
    files[path.relative(bundle, file).split(path.sep).join('/')] = createHash('sha256')
      .update(fs.readFileSync(file))
      .digest('hex');
  }
  const sorted = Object.fromEntries(Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1)));
  const hashes = {};
  for (const platform of Object.keys(nativePlatforms)) {
    const mine = Object.entries(sorted).filter(
      ([f]) => !f.startsWith('native/') || f.startsWith(`native/${platform}/`),
    );
    hashes[platform] = createHash('sha256').update(JSON.stringify(mine)).digest('hex').slice(0, 16);
  }
  const list = JSON.stringify({ schema: 1, version, hashes, files: sorted }, null, 1);
  place(path.join(bundle, 'bundle.json'), Buffer.from(`${list}\n`));
}

async function buildClients() {
  await build({
    ...nodeEsm,
    entryPoints: { control: 'src/control/main.ts' },
    outdir: dist,
    outExtension: { '.js': '.mjs' },
    external: sshExternals,
  });
  await build({
    ...nodeEsm,
    entryPoints: { biphase: 'src/cli/main.ts' },
    outdir: dist,
    outExtension: { '.js': '.mjs' },
    external: sshExternals,
  });
  // The command line in a checkout finds kernels and workers beside itself, as the bundle does.
  for (const file of ['kernels.wasm', 'pool-worker.mjs'])
    place(path.join(dist, file), fs.readFileSync(path.join(bundle, file)));
}

async function buildExtension() {
  await build({
    ...common,
    entryPoints: { extension: 'src/extension/extension.ts' },
    outdir: dist,
    outExtension: { '.js': '.cjs' },
    platform: 'node',
    format: 'cjs',
    target: 'node24',
    external: ['vscode'],
    mainFields: ['module', 'main'],
  });
}

// The YAML language service, loaded at the first run file. Its formatter and translations are never called.
const withoutFormatter = {
  name: 'without-formatter',
  setup(plugin) {
    plugin.onResolve({ filter: /^(prettier|ajv-i18n)(\/|$)/ }, ({ path: name }) => ({
      path: name,
      namespace: 'stub',
    }));
    plugin.onLoad({ filter: /.*/, namespace: 'stub' }, () => ({ contents: 'module.exports = {};' }));
  },
};

async function buildYamlLanguage() {
  await build({
    ...common,
    entryPoints: { yamlLanguage: 'src/extension/yaml/runFileLanguage.ts' },
    outdir: dist,
    outExtension: { '.js': '.cjs' },
    platform: 'node',
    format: 'cjs',
    target: 'node24',
    mainFields: ['module', 'main'],
    plugins: [withoutFormatter],
  });
}

async function buildPages() {
  const pages = fs
    .readdirSync(path.join(root, 'webview'), { withFileTypes: true })
    .filter((e) => e.isDirectory() && e.name !== 'common');
  const entryPoints = Object.fromEntries(
    pages
      .filter((e) => exists(`webview/${e.name}/main.ts`))
      .map((e) => [e.name, `webview/${e.name}/main.ts`]),
  );
  await build({
    ...common,
    entryPoints,
    outdir: path.join(dist, 'pages'),
    platform: 'browser',
    format: 'esm',
    target: 'chrome138',
  });
}

const started = performance.now();
if (process.argv.includes('--clean')) fs.rmSync(dist, { recursive: true, force: true });
await buildBundle();
await Promise.all([buildClients(), buildExtension(), buildYamlLanguage(), buildPages()]);
console.error(`built dist/ in ${((performance.now() - started) / 1000).toFixed(1)} s`);
