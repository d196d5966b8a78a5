import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { parse } from 'yaml';
import { BiphaseError } from '../../../src/core/errors.ts';
import { withAbsolutePaths } from '../../../src/core/localPaths.ts';
import { newRunId } from '../../../src/core/newRunId.ts';
import { parseRunFile } from '../../../src/core/parseRunFile.ts';
import { resolveRunFile } from '../../../src/core/resolveRunFile.ts';
import { diagnosticsText } from '../../../src/extension/commands/diagnosticsText.ts';
import { ControlMirror } from '../../../src/extension/control/controlMirror.ts';
import { errorAction, errorText, untrustedSentence } from '../../../src/extension/errorText.ts';
import { parseHost } from '../../../src/extension/hostText.ts';
import { commandIds, itemContexts } from '../../../src/extension/ids.ts';
import {
  modelDescription,
  newRunFileText,
  ownShapeText,
  runFileText,
} from '../../../src/extension/launch/launchChoices.ts';
import { pageHtml } from '../../../src/extension/panels/pageHtml.ts';
import { heldText, nodeDescription, testText } from '../../../src/extension/views/nodeText.ts';
import {
  isResumable,
  newestFirst,
  queuePlaces,
  runContext,
  runDescription,
  runIcons,
  runSpoken,
  runTreeDescription,
  statusBarText,
} from '../../../src/extension/views/runText.ts';
import type { NodeSummary, RunSummary } from '../../../src/protocol/controlApi.ts';
import { isRunId, runStates } from '../../../src/protocol/runDirectory.ts';
import { modelPresetNames } from '../../../src/protocol/runFile.ts';

function run(parts: Partial<RunSummary> = {}): RunSummary {
  return {
    run: '20260101-aaaaaaaa',
    node: 'this computer',
    name: '610m-clm-42k',
    launchedName: '610m-clm-42k',
    tags: [],
    group: null,
    archived: false,
    baseline: false,
    kind: 'pretrain',
    state: 'running',
    asOf: 0,
    connected: true,
    createdAt: 1,
    segment: 0,
    step: 18_200,
    totalSteps: 42_000,
    tokens: 1e9,
    tokensPerSecond: 1000,
    loss: 2.314,
    secondsLeft: 14_400,
    doing: 'training',
    checkpoints: [],
    phases: [],
    metrics: [],
    flopsPerToken: null,
    seed: 0,
    setup: null,
    parent: null,
    unreadableLines: 0,
    onNode: true,
    ...parts,
  };
}

function node(parts: Partial<NodeSummary> = {}): NodeSummary {
  return {
    config: { name: 'atlas', kind: 'ssh', host: 'atlas.example', user: 'ada' },
    connection: 'connected',
    probe: null,
    runningRuns: 0,
    waitingRuns: 0,
    hold: null,
    ...parts,
  };
}

test('a run says in one line where it is', () => {
  assert.equal(runDescription(run()), '18.2k/42k · 2.31 · 4 h left');
  assert.equal(runDescription(run({ state: 'finished' })), '2.31');
  assert.equal(runDescription(run({ state: 'failed', reason: 'NaN at 31,204', step: 0 })), 'NaN at 31,204');
  assert.match(runDescription(run({ connected: false })), /as of .*, not connected$/);
  assert.match(runDescription(run({ loss: 'NaN' })), /NaN/);
});

test('a screen reader says each number with what it is, and the state once', () => {
  const day = new Date(2026, 10, 24, 14, 3).getTime() / 1000;
  const said = (parts: Partial<RunSummary>): string => runSpoken(run({ createdAt: day, ...parts }));
  assert.equal(
    said({}),
    '610m-clm-42k, running, step 18200 of 42000, loss 2.31, 4 h left, launched 24 Nov 14:03',
  );
  assert.equal(
    said({ state: 'finished', baseline: true, archived: true, tags: ['a', 'b'] }),
    '610m-clm-42k, finished, loss 2.31, launched 24 Nov 14:03, baseline, archived, tagged a, b',
  );
  assert.equal(
    said({ state: 'failed', reason: 'out of memory', step: 0, loss: null, onNode: false }),
    '610m-clm-42k, failed, out of memory, gone from the node, launched 24 Nov 14:03',
  );
  assert.match(said({ connected: false }), /not connected, as of/);
  assert.match(
    runSpoken(run({ state: 'queued', step: 0 }), { place: '2nd of 3 on atlas', seed: 'seed 1' }),
    /queued, seed 1, .*2nd of 3 on atlas/,
  );
});

test('every state has an icon of its own, and resuming needs files and an early end', () => {
  const icons = Object.values(runIcons).map(({ icon }) => icon);
  assert.equal(new Set(icons).size, icons.length);
  assert.ok(isResumable(run({ state: 'stopped' })));
  assert.ok(!isResumable(run({ state: 'stopped', onNode: false })));
  assert.ok(!isResumable(run({ state: 'finished' })));
});

test('in the tree a run says when it was launched, so that runs of one name differ', () => {
  const at = (createdAt: number): string => runTreeDescription(run({ state: 'finished', createdAt }));
  const day = new Date(2026, 10, 24, 14, 3).getTime() / 1000;
  assert.equal(at(day), '2.31 · 24 Nov 14:03');
  assert.notEqual(at(day), at(day + 3600));
  assert.equal(runTreeDescription(run({ state: 'finished', loss: null, createdAt: day })), '24 Nov 14:03');
});

test('a waiting run says its place in the queue of its node; the first to start is the first', () => {
  const waiting = (id: string, priority: number, submittedAt: number, on = 'atlas'): RunSummary =>
    run({
      run: id,
      node: on,
      state: 'queued',
      queue: { priority, submittedAt, after: [], nodes: [], movingTo: null },
    });
  const runs = [
    waiting('late', 0, 2),
    waiting('urgent', 5, 3),
    waiting('early', 0, 1),
    waiting('alone', 0, 0, 'boreas'),
  ];
  assert.deepEqual(Object.fromEntries(queuePlaces([...runs, run()])), {
    urgent: '1st of 3 on atlas',
    early: '2nd of 3 on atlas',
    late: '3rd of 3 on atlas',
    alone: '1st of 1 on boreas',
  });
  const queued = run({ state: 'queued', step: 0, loss: null });
  assert.match(runTreeDescription(queued, '2nd of 3 on atlas'), /^queued · 2nd of 3 on atlas · /);
  assert.equal(runContext(runs[0]!), 'run.active.queued');
  assert.equal(statusBarText([runs[0]!]), undefined);
});

test('a node says how many runs wait there, and that its queue is held', () => {
  assert.equal(nodeDescription(node({ runningRuns: 2, waitingRuns: 12 })), '2 running · 12 waiting');
  assert.equal(nodeDescription(node({ waitingRuns: 1, hold: 'paused' })), 'paused · 1 waiting');
  assert.match(heldText('atlas', 'paused'), /nothing new starts/);
  assert.match(heldText('atlas', 'draining'), /other nodes/);
  assert.equal(heldText('atlas', null), 'The queue of atlas goes on.');
});

test('runs are sorted newest first and the status bar counts the active ones', () => {
  const runs = [
    run({ createdAt: 1 }),
    run({ createdAt: 3, state: 'finished' }),
    run({ createdAt: 2, loss: 3 }),
  ];
  assert.deepEqual(
    [...runs].sort(newestFirst).map((r) => r.createdAt),
    [3, 2, 1],
  );
  assert.equal(statusBarText(runs), '$(play) 2 running · 3.00');
  assert.equal(statusBarText([run({ state: 'failed' })]), undefined);
});

test('a node says what it is or what is wrong', () => {
  assert.equal(nodeDescription(node()), 'idle');
  assert.equal(nodeDescription(node({ connection: 'preparing', progress: 0.427 })), 'preparing 42 %');
  assert.equal(
    nodeDescription(node({ connection: 'refused', message: 'The host key changed.' })),
    'The host key changed.',
  );
});

test('a test of a node is told in one sentence; what is wrong is told in full', () => {
  const findings = ['Connected to atlas (linux x64).', '2 cores, 8.0 GiB of 8.0 GiB memory free.'];
  assert.equal(testText('atlas', true, findings, []), 'atlas works: runs can start there.');
  assert.equal(
    testText('atlas', true, findings, ['Nearly full.']),
    'atlas works, with a warning in the log.',
  );
  assert.equal(
    testText('atlas', false, ['No answer. Try again.'], []),
    'atlas does not work. No answer. Try again.',
  );
});

test("every choice of the wizard is a run file that is right, and so is the new file's text", () => {
  for (const model of modelPresetNames)
    for (const setup of ['clm', 'mlm', 'clm-mlm'] as const) {
      const text = runFileText({ setup, model, steps: 600, source: '/data/a b: c' });
      const resolved = resolveRunFile(parseRunFile(parse(text)));
      assert.equal(resolved.modelName, model);
      assert.equal(resolved.data.source, '/data/a b: c');
      assert.equal(resolved.phases.at(-1)!.until, 600);
      assert.deepEqual(
        resolved.phases.map((phase) => phase.objective),
        setup === 'clm-mlm' ? ['clm', 'mlm'] : [setup],
      );
    }
  const shape = { hiddenSize: 64, layers: 2, heads: 4, intermediateSize: 128 };
  const text = runFileText({
    setup: 'continue',
    model: shape,
    steps: 10,
    source: 'world',
    checkpoint: '20260101-aaaaaaaa@500',
  });
  const continued = parseRunFile(parse(text));
  assert.deepEqual(continued.model, shape);
  assert.equal(continued.from?.checkpoint, '20260101-aaaaaaaa@500');
  assert.equal(resolveRunFile(parseRunFile(parse(newRunFileText))).modelName, 'micro');
});

test('a model of its own is a run file that is right, under the setup that was picked', () => {
  for (const setup of ['clm', 'mlm', 'clm-mlm'] as const) {
    const resolved = resolveRunFile(parseRunFile(parse(ownShapeText(setup))));
    assert.equal(resolved.modelName, 'custom');
    assert.deepEqual(
      resolved.phases.map((phase) => phase.objective),
      setup === 'clm-mlm' ? ['clm', 'mlm'] : [setup],
    );
  }
});

test("the paper's sizes are described as the paper counts them", () => {
  assert.match(modelDescription('610m'), /^756M parameters · 11\.3 GiB/);
});

test('local paths of a file are relative to it, others stay', () => {
  const file = { data: { source: 'local:corpus' }, model: 'micro' };
  assert.deepEqual(withAbsolutePaths(file, '/home/ada'), {
    data: { source: 'local:/home/ada/corpus' },
    model: 'micro',
  });
  assert.equal(withAbsolutePaths(file, undefined), file);
  const world = { data: { source: 'world' } };
  assert.equal(withAbsolutePaths(world, '/home/ada'), world);
});

test('hosts come apart in user, host and port', () => {
  assert.deepEqual(parseHost('atlas'), { host: 'atlas' });
  assert.deepEqual(parseHost('ada@atlas:2222'), { host: 'atlas', user: 'ada', port: 2222 });
  assert.deepEqual(parseHost('[fe80::1]:22'), { host: 'fe80::1', port: 22 });
  assert.deepEqual(parseHost('fe80::1'), { host: 'fe80::1' });
});

test('run ids are valid and do not repeat', () => {
  const ids = Array.from({ length: 100 }, () => newRunId());
  assert.ok(ids.every(isRunId));
  assert.equal(new Set(ids).size, 100);
});

test('an error shows what to do next and at most one button', () => {
  const error = new BiphaseError('unreachable', 'atlas does not answer.', { next: 'Try again.' });
  assert.equal(errorText(error), 'atlas does not answer. Try again.');
  assert.equal(errorAction(error)?.label, 'Show Log');
  assert.equal(errorAction(new BiphaseError('usage', 'No.')), undefined);
  assert.equal(errorAction(new BiphaseError('refused', untrustedSentence))?.label, 'Manage Trust');
});

test('a page may run its own script and nothing else', () => {
  const html = pageHtml({
    title: '<Curves>',
    script: 'https://x/curves.js?a=1&b="2"',
    style: 'https://x/curves.css',
    cspSource: 'https://x',
    nonce: 'abc',
  });
  const policy = /Content-Security-Policy" content="([^"]+)"/.exec(html)![1];
  assert.match(policy, /^default-src 'none'; script-src 'nonce-abc';/);
  assert.doesNotMatch(policy, /unsafe-eval|script-src[^;]*unsafe-inline|connect-src/);
  assert.ok(!html.includes('<Curves>') && !html.includes('b="2"'));
});

test('diagnostics hold no host, user, folder or name of a run', () => {
  const text = diagnosticsText({
    versions: { home: '/home/ada' },
    nodes: [node({ message: 'ada@atlas.example refused /home/ada/.ssh/id', connection: 'refused' })],
    runs: [run({ state: 'failed', reason: '610m-clm-42k: no space in /home/ada/x' })],
    secretWords: ['/home/ada', 'ada'],
  });
  for (const word of ['ada', 'atlas', '610m-clm-42k']) assert.ok(!text.includes(word), word);
  assert.equal(JSON.parse(text).runs.failed, 1);
});

test('what comes while a snapshot is on its way is applied after it', () => {
  const mirror = new ControlMirror();
  mirror.expectSnapshot();
  assert.equal(mirror.applyRuns({ runs: [run({ step: 9 })], removed: [] }), false, 'nobody is told before');
  assert.equal(mirror.runs.size, 0);
  mirror.applySnapshot([node()], [run({ step: 5 }), run({ run: '20260101-bbbbbbbb' })]);
  assert.equal(mirror.runs.get('20260101-aaaaaaaa')?.step, 9);
  mirror.expectSnapshot();
  const change = mirror.applySnapshot([], [run()]);
  assert.deepEqual(change.removed, ['20260101-bbbbbbbb']);
});

test('a state that came while a snapshot was on its way is told even when the snapshot does not come', () => {
  const mirror = new ControlMirror();
  assert.equal(mirror.applyRuns({ runs: [run({ state: 'starting' })], removed: [] }), true);
  mirror.expectSnapshot();
  assert.equal(mirror.applyRuns({ runs: [run({ state: 'finished' })], removed: [] }), false);
  assert.deepEqual(
    mirror.abandonSnapshot().runs.map(({ state }) => state),
    ['finished'],
  );
  mirror.expectSnapshot();
  assert.equal(mirror.applyRuns({ runs: [], removed: [run().run] }), false);
  assert.deepEqual(mirror.applySnapshot([], [run()]), { runs: [], removed: [run().run] });
});

test('Resume is offered in the tree for the runs that the palette lists, and for no others', () => {
  const { menus } = JSON.parse(
    fs.readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'),
  ).contributes;
  const offers = (menus['view/item/context'] as { command: string; when: string }[])
    .filter(({ command }) => command === commandIds.resumeRun)
    .map(({ when }) => new RegExp(/viewItem =~ \/([^/]+)\//.exec(when)![1]!));
  assert.ok(offers.length > 0);
  for (const state of runStates)
    for (const onNode of [true, false])
      for (const offered of offers)
        for (const archived of ['', itemContexts.archived])
          assert.equal(
            offered.test(runContext({ state, onNode }) + archived),
            isResumable({ state, onNode }),
            state,
          );
  assert.equal(runContext({ state: 'finished', onNode: true }), 'run.ended');
});
