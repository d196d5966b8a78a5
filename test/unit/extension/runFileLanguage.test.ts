import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RunFileLanguage, readRunFileText } from '../../../src/extension/yaml/runFileLanguage.ts';

const language = new RunFileLanguage();

/** Completes at the bar. */
async function labelsAt(text: string): Promise<string[]> {
  const offset = text.indexOf('|');
  const before = text.slice(0, offset).split('\n');
  const items = await language.complete(text.replace('|', ''), {
    line: before.length - 1,
    character: before.at(-1)!.length,
  });
  return items.map((item) => item.label);
}

const good = 'model: micro\ndata: {source: world}\nphases:\n  - {objective: clm, until: 100}\n';

test('objective offers clm and mlm, in block and flow style', async () => {
  for (const text of [
    'model: micro\ndata:\n  source: world\nphases:\n  - objective: |',
    'model: micro\ndata:\n  source: world\nphases:\n  - {objective: |}',
    'phases:\n  - objective: |\n    until: 100\n',
  ]) {
    const labels = await labelsAt(text);
    assert.ok(labels.includes('clm') && labels.includes('mlm'), `${text} gave ${labels}`);
  }
});

test('model offers the presets and the top level its keys', async () => {
  assert.ok((await labelsAt('model: |')).includes('610m'));
  const keys = await labelsAt('model: micro\n|');
  for (const key of ['data', 'phases', 'schedule', 'optimizer']) assert.ok(keys.includes(key), key);
});

test('hover says what a key means', async () => {
  assert.match(
    (await language.hover('model: micro\nseed: 1\nschedule:\n  warmup: 3\n', { line: 3, character: 4 })) ??
      '',
    /warm-up/,
  );
});

test('a good file has no problems', async () => {
  assert.deepEqual(await language.problems(good), []);
});

test('an unknown key is marked once and names the nearest', async () => {
  const top = await language.problems(`${good}scedule: {peak: 1.0e-3}\n`);
  assert.equal(top.length, 1);
  assert.match(top[0].message, /"scedule".*"schedule"/);
  assert.deepEqual(top[0].from, { line: 4, character: 0 });
  const inner = await language.problems(
    good.replace('until: 100', 'until: 100, maskratio: 0.4').replace('clm', 'mlm'),
  );
  assert.equal(inner.length, 1);
  assert.match(inner[0].message, /"maskratio".*"maskRatio"/);
  const nested = await language.problems(`${good}schedule: {warmpu: 3}\n`);
  assert.match(nested[0].message, /"warmpu".*"warmup"/);
});

test('phases that go backwards and a schedule longer than the run are marked', async () => {
  const backwards = await language.problems(`${good}  - {objective: mlm, until: 50}\n`);
  assert.deepEqual(
    backwards.map((p) => p.from.line),
    [4],
  );
  assert.match(backwards[0].message, /more than the phase's before/);
  const long = await language.problems(`${good}schedule: {warmup: 80, decay: 40}\n`);
  assert.match(long[0].message, /more than the run's 100/);
});

test('values of the wrong kind are marked', async () => {
  assert.notEqual((await language.problems(good.replace('micro', 'tiny'))).length, 0);
  assert.notEqual((await language.problems(good.replace('100', 'soon'))).length, 0);
});

test('reading names the line of the first fault, whatever it is', () => {
  assert.deepEqual(readRunFileText(good).fault, undefined);
  for (const [text, line, message] of [
    ['model: micro\ndata: {source: world\n', 3, /^This is not YAML: .*[^.]\.$/],
    ['model: micro\n---\nmodel: mini\n', 2, /^The file holds several YAML documents/],
    ['model: *none\n', 1, /^This is not YAML: .*none/],
    ['- 1\n', 1, /^A run file is a list of keys/],
    [good.replace('until', 'untill'), 4, /"untill".*"until"/],
    [good.replace(', until: 100', ''), 4, /^"phases\[0\]\.until" is missing\.$/],
    ['# a note\n\nmodel: micro\nphases: [{objective: clm, until: 1}]\n', 3, /^"data" is missing\.$/],
    [`${good}seed: 1\nschedule:\n  warmup: 80\n  decay: 40\n`, 7, /more than the run's 100/],
  ] as const) {
    const { fault } = readRunFileText(text);
    assert.match(fault?.message ?? '', message);
    assert.equal(fault?.line, line, text);
  }
});

test('a text that no parser reads has a mark, whatever the service says', async () => {
  const text = 'model: micro\nphases:\n  - {objective: clm, until: 10\ndata: : x\n';
  const problems = await language.problems(text);
  assert.ok(
    problems.some(({ warning }) => !warning),
    JSON.stringify(problems),
  );
});
