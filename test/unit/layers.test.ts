import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

const root = path.resolve(import.meta.dirname, '../..');

/** What each layer may import, as folders of the repository; its own folder is always allowed. */
const allowed: Record<string, readonly string[]> = {
  'src/protocol': [],
  'src/core': ['src/protocol'],
  'src/trainer': ['src/core', 'src/protocol'],
  'src/agent': ['src/core', 'src/protocol'],
  'src/control': ['src/core', 'src/protocol'],
  'src/cli': ['src/core', 'src/protocol', 'src/trainer', 'src/agent', 'src/control'],
  'src/extension': ['src/core', 'src/protocol', 'src/control/client', 'src/control/stateFolder.ts'],
  webview: ['src/core', 'src/protocol'],
};
const kernels = path.join('src', 'trainer', 'engine', 'wasm', 'kernels');

interface Source {
  file: string;
  text: string;
  imports: string[];
}

function sources(): Source[] {
  const found: Source[] = [];
  for (const top of ['src', 'webview']) {
    for (const entry of fs.readdirSync(path.join(root, top), { recursive: true, withFileTypes: true })) {
      const file = path.relative(root, path.join(entry.parentPath, entry.name));
      if (!entry.isFile() || !file.endsWith('.ts') || file.startsWith(kernels)) continue;
      const text = fs.readFileSync(path.join(root, file), 'utf8');
      const imports = [...text.matchAll(/(?:from\s+|import\s+|import\()\s*['"]([^'"]+)['"]/g)].map(
        (m) => m[1]!,
      );
      found.push({ file: file.split(path.sep).join('/'), text, imports });
    }
  }
  return found;
}

const all = sources();

test('there are sources in every layer', () => {
  for (const layer of Object.keys(allowed)) {
    assert.ok(
      all.some((s) => s.file.startsWith(`${layer}/`)),
      `${layer} is empty`,
    );
  }
});

test('imports go one way between the layers', () => {
  const wrong: string[] = [];
  for (const { file, imports } of all) {
    const layer = Object.keys(allowed).find((l) => file.startsWith(`${l}/`));
    assert.ok(layer, `${file} lies in no layer`);
    for (const specifier of imports.filter((i) => i.startsWith('.'))) {
      const target = path.posix.normalize(path.posix.join(path.posix.dirname(file), specifier));
      const fine = [layer, ...allowed[layer]!].some((a) => target === a || target.startsWith(`${a}/`));
      if (!fine) wrong.push(`${file} imports ${target}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test('only the extension imports vscode', () => {
  const wrong = all.filter((s) => s.imports.includes('vscode') && !s.file.startsWith('src/extension/'));
  assert.deepEqual(
    wrong.map((s) => s.file),
    [],
  );
});

test('protocol does no input or output, pages use no Node module', () => {
  const wrong = all.filter(
    (s) =>
      (s.file.startsWith('src/protocol/') || s.file.startsWith('webview/')) &&
      s.imports.some((i) => i.startsWith('node:')),
  );
  assert.deepEqual(
    wrong.map((s) => s.file),
    [],
  );
});

test('the webview toolkit is imported in one file', () => {
  const users = all.filter((s) => s.imports.some((i) => i.startsWith('@vscode/webview-ui-toolkit')));
  assert.deepEqual(
    users.map((s) => s.file),
    ['webview/common/controls.ts'],
  );
});

test('there are no default exports and no barrels', () => {
  const wrong = all.filter((s) => /^export default\b/m.test(s.text) || /^export \* from/m.test(s.text));
  assert.deepEqual(
    wrong.map((s) => s.file),
    [],
  );
});
