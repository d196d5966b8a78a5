import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

const root = path.resolve(import.meta.dirname, '../..');
const docs = fs.readdirSync(path.join(root, 'docs')).filter((name) => name.endsWith('.md'));
const pages = ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', ...docs.map((name) => `docs/${name}`)];
const texts = new Map(pages.map((page) => [page, fs.readFileSync(path.join(root, page), 'utf8')]));
const { contributes, scripts } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8')) as {
  contributes: {
    commands: { command: string; title: string }[];
    colors: { id: string }[];
    configuration: { properties: Record<string, unknown> };
  };
  scripts: Record<string, string>;
};

/** What `find` finds in the pages and `exists` does not know, as "page: thing". */
function unknown(find: RegExp, exists: (thing: string, page: string) => boolean): string[] {
  return [...texts].flatMap(([page, text]) =>
    [...text.replaceAll(/\s+/g, ' ').matchAll(find)]
      .map(([, thing]) => thing!)
      .filter((thing) => !exists(thing, page))
      .map((thing) => `${page}: ${thing}`),
  );
}

/** Headings as GitHub names them in addresses. */
function anchors(page: string): string[] {
  const text = texts.get(page) ?? fs.readFileSync(path.join(root, page), 'utf8');
  const headings = [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) => heading!);
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

test('every link of the documentation leads to a page and a heading', () => {
  const missing = unknown(/\]\(([^)\s]+)\)/g, (link, page) => {
    if (/^https?:/.test(link)) return true;
    const [file = '', anchor] = link.split('#');
    const target = file === '' ? page : path.join(path.dirname(page), file);
    if (!fs.existsSync(path.join(root, target))) return false;
    return anchor === undefined || anchors(target).includes(anchor);
  });
  assert.deepEqual(missing, []);
});

test('every page of the documentation can be reached from the README', () => {
  const seen = new Set(['README.md']);
  for (const page of seen)
    for (const [, file] of (texts.get(page) ?? '').matchAll(/\]\(([^)#\s]+\.md)[^)]*\)/g)) {
      const target = path.join(path.dirname(page), file!);
      if (texts.has(target)) seen.add(target);
    }
  assert.deepEqual(
    pages.filter((page) => !seen.has(page)),
    [],
  );
});

test('every command, setting and colour that the documentation names is contributed', () => {
  const titles = new Set(contributes.commands.map(({ title }) => title));
  assert.deepEqual(
    unknown(/[*`]Biphase: ([A-Z][^*`]*)[*`]/g, (title) => titles.has(title)),
    [],
  );
  const ids = new Set([
    ...contributes.commands.map(({ command }) => command),
    ...contributes.colors.map(({ id }) => id),
    ...Object.keys(contributes.configuration.properties),
  ]);
  assert.deepEqual(
    unknown(/`(biphase\.(?!mjs)[A-Za-z\d]+)`/g, (id) => ids.has(id)),
    [],
  );
});

test('every script and source file that the documentation names exists', () => {
  assert.deepEqual(
    unknown(/npm run ([\w:]+)/g, (name) => name in scripts),
    [],
  );
  assert.deepEqual(
    unknown(
      /(?<![\w/.])((?:src|test|scripts|webview|examples|docs|media)\/[\w/.-]+\.(?:ts|mjs|md|py|json|yaml|png))/g,
      (file) => fs.existsSync(path.join(root, file)),
    ),
    [],
  );
});
