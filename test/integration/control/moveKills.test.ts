import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MoveStep } from '../../../src/control/runs/runMoves.ts';
import { newRunId } from '../../../src/core/newRunId.ts';
import { TestRoot } from '../../support/agentProcess.ts';
import { SteppedControl } from '../../support/steppedControl.ts';

let roots: Record<'atlas' | 'boreas' | 'other', TestRoot>;
let stateFolder: string;
const controls: SteppedControl[] = [];

beforeEach(() => {
  roots = { atlas: new TestRoot(), boreas: new TestRoot(), other: new TestRoot() };
  stateFolder = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-moves-'));
});
afterEach(async () => {
  for (const control of controls.splice(0)) await control.close();
  for (const root of Object.values(roots)) await root.dispose();
  fs.rmSync(stateFolder, { recursive: true });
});

function start(step: MoveStep | 'never'): SteppedControl {
  const control = new SteppedControl(stateFolder, step);
  controls.push(control);
  return control;
}

/** How often a trainer began a run, under all roots, and where its directory is. */
function begun(run: string): { starts: number; places: string[] } {
  let starts = 0;
  const places = Object.entries(roots).flatMap(([name, root]) => {
    const directory = root.directory(run);
    if (!fs.existsSync(path.join(directory, 'spec.json'))) return [];
    const events = path.join(directory, 'events.jsonl');
    const text = fs.existsSync(events) ? fs.readFileSync(events, 'utf8') : '';
    starts += text.split('\n').filter((line) => /"type":"(start|resume)"/.test(line)).length;
    return [name];
  });
  return { starts, places };
}

/** Once it is in one place, where that is. */
async function settled(run: string): Promise<{ starts: number; places: string[] }> {
  const late = AbortSignal.timeout(300_000);
  while (begun(run).places.length > 1) {
    late.throwIfAborted();
    await sleep(20);
  }
  return begun(run);
}

/** A run waits on atlas, boreas is free to take it, and control dies at a step of the move. */
async function killAt(step: MoveStep, run: string): Promise<void> {
  const { file } = roots.atlas.spec(3);
  const control = start(step);
  for (const name of ['atlas', 'boreas'] as const) {
    await control.do({ do: 'add', name, root: roots[name].path });
    await control.do({ do: 'connect', name });
    await control.do({ do: 'hold', name, hold: 'paused' });
  }
  await control.do({ do: 'launch', run, file, nodes: ['atlas', 'boreas'] });
  await control.until(run, ({ node, state }) => node === 'atlas' && state === 'queued');
  // It may die before it answers.
  void control.do({ do: 'hold', name: 'boreas', hold: null });
  await control.ended;
}

const steps: readonly MoveStep[] = ['chosen', 'marked', 'launched', 'forgotten', 'settled'];
for (const step of steps)
  test(`control dies when a move is ${step}: the next one brings it to its end, and the run starts once`, async () => {
    const run = newRunId();
    await killAt(step, run);
    const next = start('never');
    for (const name of ['boreas', 'atlas']) await next.do({ do: 'connect', name });
    // From now on it could start in both.
    await next.do({ do: 'hold', name: 'atlas', hold: null });
    await next.until(run, ({ state }) => state === 'finished');
    const { starts, places } = await settled(run);
    assert.deepEqual([starts, places.length], [1, 1], places.join(', '));
    if (step !== 'chosen') assert.deepEqual(places, ['boreas']);
  });

test('control dies when the other node has refused a run: it is given back, and starts once, where it waited', async () => {
  const run = newRunId();
  fs.mkdirSync(path.join(roots.boreas.path, 'runs'));
  fs.writeFileSync(roots.boreas.directory(run), 'something else');
  await killAt('refused', run);
  assert.equal(begun(run).starts, 0);
  const next = start('never');
  for (const name of ['boreas', 'atlas']) await next.do({ do: 'connect', name });
  await next.do({ do: 'hold', name: 'atlas', hold: null });
  await next.until(run, ({ state }) => state === 'finished');
  assert.deepEqual(await settled(run), { starts: 1, places: ['atlas'] });
});

for (const step of ['marked', 'launched'] as const)
  test(`a node is renamed, and its name given to another root, when a move to it is ${step}: the run waits for its root, and starts once`, async () => {
    const run = newRunId();
    await killAt(step, run);
    const next = start('never');
    await next.do({ do: 'remove', name: 'boreas' });
    await next.do({ do: 'add', name: 'boreas', root: roots.other.path });
    for (const name of ['boreas', 'atlas']) await next.do({ do: 'connect', name });
    await next.until(run, ({ reason }) => reason?.includes('which is not connected') ?? false);
    await next.do({ do: 'hold', name: 'atlas', hold: null });
    // Whoever could start it has had the time to start another one.
    for (const name of ['boreas', 'atlas']) {
      const later = newRunId();
      await next.do({ do: 'launch', run: later, file: roots.atlas.spec(3).file, nodes: [name] });
      await next.until(later, ({ state }) => state === 'finished');
    }
    for (const name of ['atlas', 'other'] as const)
      assert.ok(
        !fs.existsSync(path.join(roots[name].directory(run), 'state.json')),
        `not started in ${name}`,
      );
    await next.do({ do: 'add', name: 'euros', root: roots.boreas.path });
    await next.do({ do: 'connect', name: 'euros' });
    await next.until(run, ({ state, node }) => state === 'finished' && node === 'euros');
    assert.deepEqual(await settled(run), { starts: 1, places: ['boreas'] });
  });
