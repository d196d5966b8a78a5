import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import {
  commandIds,
  commandsThatNeedTrust,
  contextKeys,
  itemContexts,
  languageId,
  nodeSettingsEnding,
  nodeSettingsScheme,
  panelIds,
  runFilePattern,
  settingIds,
  viewIds,
} from '../../../src/extension/ids.ts';

const manifest = JSON.parse(fs.readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'));
const { contributes } = manifest;
const sorted = (values: readonly string[]): string[] => [...values].sort();

test('every command of the code is in package.json and the other way round', () => {
  const declared = contributes.commands as { command: string; category: string; title: string }[];
  assert.deepEqual(sorted(declared.map((c) => c.command)), sorted(Object.values(commandIds)));
  for (const command of declared) {
    assert.equal(command.category, 'Biphase');
    assert.doesNotMatch(command.title, /^Biphase/);
  }
});

test('views, settings and the language agree', () => {
  assert.deepEqual(
    contributes.viewsContainers.activitybar.map((c: { id: string }) => c.id),
    [viewIds.container],
  );
  assert.deepEqual(
    sorted(contributes.views[viewIds.container].map((v: { id: string }) => v.id)),
    sorted([viewIds.nodes, viewIds.runs]),
  );
  assert.deepEqual(
    sorted(Object.keys(contributes.configuration.properties)),
    sorted(Object.values(settingIds)),
  );
  assert.deepEqual(
    contributes.languages.map((l: { id: string }) => l.id),
    [languageId],
  );
});

test('menus, welcome views and walkthroughs name only what exists', () => {
  const commands = new Set<string>(Object.values(commandIds));
  const views = new Set<string>(Object.values(viewIds));
  const keys = new Set<string>(Object.values(contextKeys));
  const contexts = new Set<string>(Object.values(itemContexts));
  const text = JSON.stringify([contributes.viewsWelcome, contributes.walkthroughs]);
  for (const [, id] of text.matchAll(/command:([\w.]+)/g)) assert.ok(commands.has(id!), id);
  const { steps } = contributes.walkthroughs[0] as { steps: { media: { svg: string } }[] };
  for (const { media } of steps)
    assert.ok(fs.existsSync(new URL(`../../../${media.svg}`, import.meta.url)), media.svg);
  assert.equal(new Set(steps.map(({ media }) => media.svg)).size, steps.length, 'a picture a step');
  const menus = [...Object.values(contributes.menus).flat(), ...contributes.keybindings] as {
    command: string;
    when: string;
  }[];
  for (const item of menus) {
    assert.ok(commands.has(item.command), item.command);
    for (const [key] of item.when.replace(/\w+ == [\w.-]+/g, '').matchAll(/biphase\.\w+/g))
      assert.ok(keys.has(key), `${item.command}: ${key}`);
    for (const [, pattern] of item.when.matchAll(/viewItem =~ \/([^/]+)\//g)) {
      const some = [...contexts, ...[...contexts].map((one) => `${one}${itemContexts.archived}`)];
      assert.ok(
        some.some((one) => new RegExp(pattern!).test(one)),
        `${item.command}: ${pattern}`,
      );
    }
    for (const [, view] of item.when.matchAll(/focusedView == ([\w.]+)/g)) assert.ok(views.has(view!), view);
    for (const [, view] of item.when.matchAll(/view == ([\w.]+)/g)) assert.ok(views.has(view!), view);
    for (const [, context] of item.when.matchAll(/viewItem == ([\w.]+)/g))
      assert.ok(contexts.has(context!), context);
  }
  for (const welcome of contributes.viewsWelcome as { view: string; when?: string }[]) {
    assert.ok(views.has(welcome.view));
    for (const [key] of (welcome.when ?? '').matchAll(/biphase\.\w+/g)) assert.ok(keys.has(key), key);
  }
});

test('the walkthrough ends on events: something was launched, drawn, compared, noted, reached', () => {
  const { steps } = contributes.walkthroughs[0] as { steps: { id: string; completionEvents: string[] }[] };
  const events = steps.map(({ completionEvents }) => completionEvents);
  assert.deepEqual(
    events,
    ['hasRuns', 'curvesShown', 'hasFinishedRun', 'comparisonShown', 'hasNotes', 'hasOtherNode'].map(
      (name) => [`onContext:${contextKeys[name as keyof typeof contextKeys]}`],
    ),
  );
});

test('a key does something only in the runs tree or in a run file', () => {
  const where = [`focusedView == ${viewIds.runs} `, `editorLangId == ${languageId} `];
  for (const { command, when } of contributes.keybindings as { command: string; when: string }[])
    assert.ok(
      where.some((words) => `${when} `.includes(words)),
      command,
    );
});

test('run files have an icon for light and one for dark themes', () => {
  const { icon } = contributes.languages[0] as { icon: Record<string, string> };
  for (const theme of ['light', 'dark'])
    assert.match(fs.readFileSync(new URL(`../../../${icon[theme]}`, import.meta.url), 'utf8'), /^<svg/);
});

test('activation events name what the code provides', () => {
  assert.deepEqual(
    sorted(manifest.activationEvents),
    sorted([
      `workspaceContains:${runFilePattern}`,
      `onWebviewPanel:${panelIds.curves}`,
      `onWebviewPanel:${panelIds.compare}`,
      `onFileSystem:${nodeSettingsScheme}`,
    ]),
  );
});

test('the schema of node settings goes by the ending of their names', () => {
  const [{ fileMatch, url }] = contributes.jsonValidation;
  assert.equal(fileMatch, `*${nodeSettingsEnding}`);
  assert.ok(fs.existsSync(new URL(`../../../${url}`, import.meta.url)));
});

test('an untrusted workspace has limited support and cannot set what programs are started with', () => {
  const { supported, restrictedConfigurations } = manifest.capabilities.untrustedWorkspaces;
  assert.equal(supported, 'limited');
  assert.deepEqual(sorted(restrictedConfigurations), sorted(Object.values(settingIds)));
  const menus = Object.values(contributes.menus).flat() as { command: string; when: string }[];
  const guarded = new Set<string>(commandsThatNeedTrust.map((name) => commandIds[name]));
  for (const item of [...menus, ...contributes.keybindings])
    if (guarded.has(item.command)) assert.match(item.when, /isWorkspaceTrusted/, item.command);
});

test('the icon is a PNG of at least 128 pixels', () => {
  const png = fs.readFileSync(new URL(`../../../${manifest.icon}`, import.meta.url));
  assert.equal(png.toString('latin1', 1, 4), 'PNG');
  assert.ok(png.readUInt32BE(16) >= 128 && png.readUInt32BE(20) >= 128);
});
