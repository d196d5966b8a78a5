import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { commandIds, contextKeys, itemContexts, panelIds, viewIds } from '../../../src/extension/ids.ts';

type Context = Record<string, string | boolean>;
interface MenuItem {
  command: string;
  when?: string;
  group?: string;
}

const { contributes } = JSON.parse(
  fs.readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'),
) as { contributes: { menus: Record<string, MenuItem[]>; commands: { command: string; icon?: string }[] } };
const nameOf = new Map<string, string>(Object.entries(commandIds).map(([name, id]) => [id, name]));

/** Of the when-clauses that VS Code knows, those forms that we use. */
function holds(when: string, context: Context): boolean {
  return when.split(' || ').some((all) => all.split(' && ').every((term) => termHolds(term, context)));
}

function termHolds(term: string, context: Context): boolean {
  const negated = /^!\(?([^()]+)\)?$/.exec(term);
  if (negated) return !termHolds(negated[1]!, context);
  const [, key, operator, value] = /^([\w.]+)(?: (==|=~) (\S+))?$/.exec(term) ?? [];
  assert.ok(key, `a clause of a form that is not known here: ${term}`);
  const is = context[key];
  if (operator === undefined) return is === true;
  if (operator === '==') return is === value;
  return new RegExp(value!.slice(1, -1)).test(String(is ?? ''));
}

/** What a menu shows there: a line for each group, commands in their order. */
function shown(menu: string, context: Context): string[] {
  const items = contributes.menus[menu]!.filter(({ when }) => when === undefined || holds(when, context));
  const groups = new Map<string, { order: number; name: string }[]>();
  for (const { group = '', command } of items) {
    const [name, order = '0'] = group.split('@') as [string, string?];
    const others = groups.get(name) ?? [];
    assert.ok(!others.some((other) => other.order === Number(order)), `two at ${group}: ${command}`);
    groups.set(name, [...others, { order: Number(order), name: nameOf.get(command)! }]);
  }
  const rank = (name: string): string => (name === 'navigation' ? '' : name);
  return [...groups]
    .sort(([a], [b]) => (rank(a) < rank(b) ? -1 : 1))
    .map(([group, all]) => {
      const names = all.sort((a, b) => a.order - b.order).map(({ name }) => name);
      return `${group}: ${names.join(' ')}`;
    });
}

function rowMenu(view: string, viewItem: string, isWorkspaceTrusted = true): string[] {
  return shown('view/item/context', { view, viewItem, isWorkspaceTrusted });
}

const runRow = (viewItem: string, trusted?: boolean): string[] => rowMenu(viewIds.runs, viewItem, trusted);
const nodeRow = (viewItem: string, trusted?: boolean): string[] => rowMenu(viewIds.nodes, viewItem, trusted);

const show = (pin = 'pinBaseline'): string =>
  `1_show: showCurves openCurvesInNewPanel compareRuns ${pin} showRunOutput downloadCheckpoint exportRun`;
const notes = '4_notes: labelRun tagRuns groupRuns';
const away = '5_away: archiveRuns deleteRuns';
const look = '1_show: showCurves openCurvesInNewPanel compareRuns pinBaseline showRunOutput';
const { activeRun, queuedRun, resumableRun, endedRun, baseline, archived } = itemContexts;

test('the menu of a run has what can be done with it in its state', () => {
  assert.deepEqual(runRow(activeRun), [
    show(),
    '2_control: stopRun',
    notes,
    away,
    'inline: showCurves stopRun',
  ]);
  assert.deepEqual(runRow(queuedRun), [
    show(),
    '2_control: stopRun',
    '3_queue: setPriority',
    notes,
    away,
    'inline: showCurves stopRun',
  ]);
  assert.deepEqual(runRow(resumableRun), [
    show(),
    '2_control: resumeRun',
    notes,
    away,
    'inline: showCurves resumeRun',
  ]);
  assert.deepEqual(runRow(endedRun), [show(), notes, away, 'inline: showCurves']);
});

test('the menu of the baseline unpins it, that of an archived run brings it back', () => {
  assert.deepEqual(runRow(endedRun + baseline), [show('unpinBaseline'), notes, away, 'inline: showCurves']);
  const back = '5_away: unarchiveRuns deleteRuns';
  assert.deepEqual(runRow(endedRun + archived), [show(), notes, back, 'inline: showCurves']);
  assert.deepEqual(runRow(resumableRun + baseline + archived), [
    show('unpinBaseline'),
    '2_control: resumeRun',
    notes,
    back,
    'inline: showCurves resumeRun',
  ]);
});

test('a group of runs and a checkpoint have menus of their own', () => {
  assert.deepEqual(runRow(itemContexts.group), [
    '1_show: showCurves compareRuns',
    '4_notes: tagRuns groupRuns',
    away,
    'inline: showCurves',
  ]);
  assert.deepEqual(runRow(itemContexts.checkpoint), [
    '1_show: downloadCheckpoint',
    'inline: downloadCheckpoint',
  ]);
});

test('the menu of a node: this computer is not removed, and a held queue is released', () => {
  const { localNode, sshNode, held } = itemContexts;
  const node = '1_node: testNode reconnectNode editNode freeSpace';
  const inline = 'inline: reconnectNode';
  assert.deepEqual(nodeRow(localNode), [node, '3_queue: pauseQueue drainNode', inline]);
  assert.deepEqual(nodeRow(localNode + held), [node, '3_queue: releaseQueue', inline]);
  assert.deepEqual(nodeRow(sshNode), [node, '2_node: removeNode', '3_queue: pauseQueue drainNode', inline]);
  assert.deepEqual(nodeRow(sshNode + held), [node, '2_node: removeNode', '3_queue: releaseQueue', inline]);
});

test('in an untrusted workspace menus only look', () => {
  for (const run of [activeRun, queuedRun, resumableRun, endedRun, endedRun + archived])
    assert.deepEqual(runRow(run, false), [look, 'inline: showCurves'], run);
  assert.deepEqual(runRow(itemContexts.group, false), [
    '1_show: showCurves compareRuns',
    'inline: showCurves',
  ]);
  assert.deepEqual(runRow(itemContexts.checkpoint, false), []);
  for (const node of [itemContexts.localNode, itemContexts.sshNode + itemContexts.held])
    assert.deepEqual(nodeRow(node, false), []);
});

test('no row of one view has the menu of the other', () => {
  const { activeRun: run, sshNode: node } = itemContexts;
  assert.deepEqual(rowMenu(viewIds.nodes, run), []);
  assert.deepEqual(rowMenu(viewIds.runs, node), []);
});

test('the titles of the views: launch, curves, filter and compare; add and refresh', () => {
  const title = (view: string, context: Context): string[] => shown('view/title', { view, ...context });
  const trusted = { isWorkspaceTrusted: true };
  assert.deepEqual(title(viewIds.nodes, trusted), ['navigation: addNode refresh', '9_log: showLog']);
  assert.deepEqual(title(viewIds.nodes, {}), ['navigation: refresh', '9_log: showLog']);
  const below = ['2_refresh: refresh', '9_log: showLog'];
  assert.deepEqual(title(viewIds.runs, trusted), [
    'navigation: launchRun showCurves filterRuns compareRuns',
    '1_view: groupRunsBy sortRunsBy showArchivedRuns',
    '2_outside: importRuns',
    ...below,
  ]);
  const { runsFiltered, archivedShown } = contextKeys;
  assert.deepEqual(title(viewIds.runs, { [runsFiltered]: true, [archivedShown]: true }), [
    'navigation: showCurves clearRunFilter compareRuns',
    '1_view: filterRuns groupRunsBy sortRunsBy hideArchivedRuns',
    ...below,
  ]);
});

test('editors: one more panel beside curves, a launch beside a run file, nothing beside others', () => {
  const title = (context: Context): string[] => shown('editor/title', context);
  assert.deepEqual(title({ activeWebviewPanelId: panelIds.curves }), ['navigation: openCurvesInNewPanel']);
  for (const menu of ['editor/title', 'explorer/context'])
    for (const resourceFilename of ['a.run.yaml', 'b.run.yml', 'run.yaml', 'a.run.yaml.bak'])
      for (const isWorkspaceTrusted of [true, false])
        assert.deepEqual(
          shown(menu, { resourceFilename, isWorkspaceTrusted }).map((line) => line.split(': ')[1]),
          isWorkspaceTrusted && /^[ab]\.run\.ya?ml$/.test(resourceFilename) ? ['launchFromFile'] : [],
          `${menu} ${resourceFilename}`,
        );
  assert.deepEqual(title({ activeWebviewPanelId: panelIds.compare }), []);
});

test('the palette hides commands that would change nothing', () => {
  const hidden = (context: Context): string[] =>
    contributes.menus
      .commandPalette!.filter(({ when }) => !holds(when!, context))
      .map(({ command }) => nameOf.get(command)!);
  assert.deepEqual(hidden({}), ['clearRunFilter', 'hideArchivedRuns', 'unpinBaseline']);
  const { runsFiltered, archivedShown, hasBaseline } = contextKeys;
  assert.deepEqual(hidden({ [runsFiltered]: true, [archivedShown]: true, [hasBaseline]: true }), [
    'showArchivedRuns',
  ]);
});

test('whatever stands as a button has an icon', () => {
  const icons = new Map(contributes.commands.map(({ command, icon }) => [command, icon]));
  for (const { command, group } of Object.values(contributes.menus).flat())
    if (/^(?:navigation|inline)/.test(group ?? ''))
      assert.match(icons.get(command) ?? '', /^\$\([a-z-]+\)$/, command);
});
