import { commandIds, commandsThatNeedTrust, itemContexts } from '../../src/extension/ids.ts';

const c = itemContexts;
/** These, with all that may stand behind them. */
const withEnds = (contexts, ...ends) =>
  ends.reduce((all, end) => all.concat(all.map((context) => `${context}${end}`)), contexts);
const states = [c.activeRun, c.queuedRun, c.resumableRun, c.endedRun];
const runs = withEnds(states, c.baseline, c.archived);
const only = (end) => runs.filter((context) => context.includes(end));
const without = (end) => runs.filter((context) => !context.includes(end));
const stateOf = (...wanted) => withEnds(wanted, c.baseline, c.archived);
const nodes = [c.localNode, c.sshNode];

/** What rows of the trees are called, by the `viewItem` values that mean them. */
const rowNames = [
  ['a run', runs],
  ['a run that is not archived', without(c.archived)],
  ['an archived run', only(c.archived)],
  ['a run that is not the baseline', without(c.baseline)],
  ['the baseline', only(c.baseline)],
  ['a run at work', stateOf(c.activeRun, c.queuedRun)],
  ['a waiting run', stateOf(c.queuedRun)],
  ['a run that can be resumed', stateOf(c.resumableRun)],
  ['a group', [c.group]],
  ['a checkpoint', [c.checkpoint]],
  ['a node', withEnds(nodes, c.held)],
  ['a node over SSH', withEnds([c.sshNode], c.held)],
  ['a node whose queue is not held', nodes],
  ['a node whose queue is held', nodes.map((node) => `${node}${c.held}`)],
];
const everyRow = [...new Set(rowNames.flatMap(([, contexts]) => contexts))];

/** Rows that a `when` clause means. */
function rowOf(when) {
  const tests = [...when.matchAll(/(!\()?viewItem (==|=~) (\/.*?\/|\w+)(?=\)| |$)/g)];
  const fits = (context) =>
    tests.every(([, not, operator, value]) => {
      const found = operator === '==' ? context === value : new RegExp(value.slice(1, -1)).test(context);
      return found !== Boolean(not);
    });
  const matched = everyRow.filter(fits);
  const found = rowNames.find(
    ([, contexts]) => contexts.length === matched.length && contexts.every((x) => matched.includes(x)),
  );
  if (tests.length === 0 || !found) throw new Error(`No name for the rows of "${when}".`);
  return found[0];
}

/** Behind the title of a view: in the menu behind its three dots. */
const inMenu = ' (…)';

/** Where a menu's entry is seen, in words. */
function placeOf(menu, { when = '', group = '' }) {
  if (menu === 'view/title') {
    const views = [
      ['runs', 'Runs'],
      ['nodes', 'Nodes'],
    ].filter(([id]) => when.includes(`view == biphase.${id}`));
    return views.map(([, name]) => `title of *${name}*${group.startsWith('navigation') ? '' : inMenu}`);
  }
  if (menu === 'view/item/context') return [rowOf(when)];
  const page = /activeWebviewPanelId == biphase\.(\w+)/.exec(when)?.[1];
  if (menu === 'editor/title') return [page ? `title of the ${page} panel` : 'title of a run file'];
  if (menu === 'explorer/context') return ['a run file in the explorer'];
  throw new Error(`No words for the menu ${menu}.`);
}

const keyNames = { ctrl: 'Ctrl', alt: 'Alt', shift: 'Shift' };
const macNames = { cmd: '⌘', alt: '⌥', shift: '⇧', ctrl: '⌃', backspace: '⌫' };
const macOrder = ['ctrl', 'alt', 'shift', 'cmd'];

function keyText(key) {
  const parts = key.split('+');
  return parts.map((part) => keyNames[part] ?? part[0].toUpperCase() + part.slice(1)).join('+');
}

function macText(key) {
  const parts = key.split('+');
  const place = (part) => (macOrder.includes(part) ? macOrder.indexOf(part) : macOrder.length);
  parts.sort((a, b) => place(a) - place(b));
  return parts.map((part) => macNames[part] ?? part[0].toUpperCase() + part.slice(1)).join('');
}

function keyPlace(when) {
  if (when.includes('focusedView == biphase.runs')) return 'the runs tree';
  if (when.includes('editorLangId == biphase-run')) return 'a run file';
  throw new Error(`No words for where a key works: "${when}".`);
}

function keysOf({ key, mac, when }) {
  return `${keyText(key)}${mac ? ` (macOS: ${macText(mac)})` : ''} in ${keyPlace(when)}`;
}

/** docs/commands.md, from what package.json contributes. */
export function commandsPage({ commands, menus, keybindings }) {
  const names = Object.fromEntries(Object.entries(commandIds).map(([name, id]) => [id, name]));
  const rows = commands.map(({ command, title }) => {
    const places = Object.entries(menus)
      .filter(([menu]) => menu !== 'commandPalette')
      .flatMap(([menu, entries]) =>
        entries.filter((entry) => entry.command === command).flatMap((entry) => placeOf(menu, entry)),
      );
    const keys = keybindings.filter((binding) => binding.command === command).map(keysOf);
    const trust = commandsThatNeedTrust.includes(names[command]) ? 'yes' : '';
    // What is in a title already need not be said of its menu too.
    const seen = [...new Set(places)].filter(
      (place) => !place.endsWith(inMenu) || !places.includes(place.slice(0, -inMenu.length)),
    );
    return `| ${title} | \`${command}\` | ${seen.join(', ')} | ${keys.join(', ')} | ${trust} |`;
  });
  return `# Commands and keys

<!-- Generated by scripts/generate-docs.mjs; do not edit. -->

All commands are in the palette, behind *Biphase:*, and ask what they need to know; those that would change nothing at the moment are left out. "Also in" names where else they are: in the title
of a view or panel ("(…)": in its menu), or in the context menu of a row. Those that need trust do nothing in a workspace that is not trusted.

| command | id | also in | key | needs trust |
|---|---|---|---|---|
${rows.join('\n')}

Every command can be given another key in the workbench (*Preferences: Open Keyboard Shortcuts*), by its id. Keys within the pages: [curves](curves.md#pointer-and-keys),
[compare](comparing.md#keys).
`;
}
