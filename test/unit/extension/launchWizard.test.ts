import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { parseRunFile } from '../../../src/core/parseRunFile.ts';
import { resolveRunFile } from '../../../src/core/resolveRunFile.ts';
import { checkpointRows } from '../../../src/extension/launch/checkpointRows.ts';
import { dataOf, dataOfRuns, sourceOn } from '../../../src/extension/launch/dataChoice.ts';
import { hubSource } from '../../../src/extension/launch/hubSource.ts';
import { runFileText } from '../../../src/extension/launch/launchChoices.ts';
import { nodeRows } from '../../../src/extension/launch/nodeRows.ts';
import type { NodeSummary, RunSummary } from '../../../src/protocol/controlApi.ts';
import type { ResolvedRunFile } from '../../../src/protocol/runFile.ts';

const GIB = 2 ** 30;

function node(name: string, memory: number | null, parts: Partial<NodeSummary> = {}): NodeSummary {
  return {
    config: { name, kind: name === 'this computer' ? 'local' : 'ssh' },
    connection: 'connected',
    runningRuns: 0,
    waitingRuns: 0,
    hold: null,
    probe:
      memory === null
        ? null
        : {
            ...{ cores: 2, load: 0, diskFreeBytes: 1000 * GIB, gpus: [], warnings: [] },
            ...{ memoryTotalBytes: memory, memoryFreeBytes: memory },
          },
    ...parts,
  };
}

function file(model: string): ResolvedRunFile {
  const phases = [{ objective: 'mlm', until: 100 }];
  return resolveRunFile(parseRunFile({ model, data: { source: 'world' }, phases }));
}

test('nodes where a run fits come first, the others say why', () => {
  const nodes = [
    node('laptop', 8 * GIB),
    node('old', null, { connection: 'refused', message: 'The host key changed.', next: 'Ask why.' }),
    node('asleep', null, { connection: 'idle' }),
    node('gone', null, { connection: 'idle', message: 'The host name gone cannot be resolved.' }),
    node('this computer', null, { connection: 'idle' }),
    node('atlas', 64 * GIB),
  ];
  const rows = nodeRows(nodes, file('610m')).filter((row) => row.node !== 'this computer');
  assert.equal(nodeRows(nodes, file('610m'))[0].description, 'starts when needed');
  assert.deepEqual(
    rows.map((row) => row.node),
    ['atlas', 'asleep', 'laptop', 'old', 'gone'],
  );
  assert.equal(rows[0].detail, undefined);
  assert.match(rows[1].detail ?? '', /known once the node is connected/);
  assert.match(rows[2].detail ?? '', /^This needs .* but the machine has 8 GiB\. Choose a smaller model/);
  assert.deepEqual([rows[3].description, rows[3].detail], ['The host key changed.', 'Ask why.']);
});

test('a run goes on where its checkpoint lies, and elsewhere once it is copied there', () => {
  const rows = nodeRows([node('laptop', 8 * GIB), node('atlas', 8 * GIB)], file('micro'), 'atlas');
  assert.deepEqual(
    rows.map(({ node: name, detail }) => [name, detail]),
    [
      ['atlas', undefined],
      [
        'laptop',
        'The checkpoint lies on atlas. Start there, or copy it here first with Download Checkpoint….',
      ],
    ],
  );
});

test('checkpoints are offered of nodes that are there, and of runs that still lie on them', () => {
  const run = (id: string, parts: Partial<RunSummary>): RunSummary =>
    ({
      ...{ run: id, name: 'micro-clm-600', node: 'atlas', onNode: true },
      ...{ createdAt: 1, checkpoints: [500, 1000] },
      ...parts,
    }) as RunSummary;
  const runs = [
    run('a', {}),
    run('b', { node: 'removed' }),
    run('c', { onNode: false }),
    run('d', { createdAt: 2 }),
  ];
  const rows = checkpointRows(runs, [node('atlas', null)]);
  assert.deepEqual(
    rows.map((row) => [row.run.run, row.step]),
    [
      ['d', 1000],
      ['d', 500],
      ['a', 1000],
      ['a', 500],
    ],
  );
  assert.match(rows[0].description, /^step 1,000 · atlas · \d+ \w{3} \d\d:\d\d$/);
});

test('data of earlier runs are offered once, each as the next node needs it', () => {
  const read = (source: string, local: boolean, column?: string) => ({
    ...{ name: 'one', local },
    file: { data: { source, ...(column ? { column } : {}) } },
  });
  const offered = dataOfRuns([
    read('/corpus', true),
    { ...read('local:/corpus', false), name: 'two' },
    read('world:100', true),
    read('/scratch/corpus', false),
    read('hub:owner/name', false, 'content'),
    { name: 'unreadable', local: true, file: undefined },
  ]);
  assert.deepEqual(
    offered.map(({ choice, run }) => [
      run,
      sourceOn(choice, { local: true }),
      sourceOn(choice, { local: false }),
    ]),
    [
      ['one', '/corpus', 'local:/corpus'],
      ['one', '/scratch/corpus', '/scratch/corpus'],
      ['one', 'hub:owner/name', 'hub:owner/name'],
    ],
  );
  const { column } = dataOf(read('hub:owner/name', false, 'content')) ?? {};
  const text = runFileText({
    ...{ setup: 'mlm', model: 'micro', steps: 10, source: 'hub:owner/name' },
    ...(column === undefined ? {} : { column }),
  });
  assert.deepEqual(parseRunFile(parse(text)).data, { source: 'hub:owner/name', column: 'content' });
});

test('a dataset of the hub is named, or pasted', () => {
  for (const text of [
    'HuggingFaceFW/fineweb-edu/sample-10BT@main',
    ' hub:HuggingFaceFW/fineweb-edu/sample-10BT@main ',
  ])
    assert.equal(hubSource(text), 'hub:HuggingFaceFW/fineweb-edu/sample-10BT@main');
  for (const text of ['owner/name', 'https://huggingface.co/datasets/owner/name/viewer/a?row=1'])
    assert.equal(hubSource(text), 'hub:owner/name');
  for (const text of ['', 'name', '/data/text', 'https://example.org/owner/name', 'a b/c'])
    assert.equal(hubSource(text), undefined, text);
});
