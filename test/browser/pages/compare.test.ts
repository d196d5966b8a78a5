import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { Page } from 'playwright-core';
import { seriousFindings } from './axe.ts';
import { compareState, FakeCompareHost, fakeRunToCompare, lossAt, metric } from './fakeComparison.ts';
import { cellsOf, headsOf, openCompare, rowOf, seeded, singles } from './openCompare.ts';
import { PageHost, screenshots } from './pageHost.ts';
import { themeNames } from './themes.ts';

let host: PageHost;
before(async () => {
  host = await PageHost.start();
});
after(() => host.stop());

for (const theme of themeNames)
  test(`single runs in the ${theme} theme: what differs, no winner, and nothing serious for axe`, async () => {
    const { page, problems } = await openCompare(host, singles, {}, { theme, height: 1500 });
    assert.deepEqual(await cellsOf(page, 'peak learning rate'), ['5e-4', '1e-3', '5e-4']);
    assert.deepEqual(await cellsOf(page, 'bundle'), [
      'a1b2c3d4e5f60718',
      'a1b2c3d4e5f60718',
      'ffff0000ffff0000',
    ]);
    for (const alike of ['weight decay', 'steps'])
      assert.equal(await rowOf(page, alike).count(), 0, `${alike}: what is alike is left out`);
    assert.equal(await page.locator('.comparison .best').count(), 0);
    assert.match(await page.locator('.notes').innerText(), /No winner is marked: each column is one seed/);
    await page.screenshot({ path: path.join(screenshots, `compare-${theme}.png`) });
    assert.deepEqual(await seriousFindings(page), []);
    assert.deepEqual(problems, []);
    await page.close();
  });

test('seeds of one setup are one column with mean, interval and n; the winner is marked where the intervals say so', async () => {
  const { page, problems } = await openCompare(host, seeded);
  assert.deepEqual(await headsOf(page), ['base', 'hot', 'warm']);
  const cells = await cellsOf(page, 'validation loss, mlm, final');
  // 2.4 + {0, 4, 8, 4, 12}/1000: mean 2.4056, s = 0.0045607, t(4) = 2.776: ± 0.005663.
  assert.match(cells[0]!, /^2\.4056 ± 0\.0057 \(n = 5\)/);
  const best = await rowOf(page, 'validation loss, mlm, final').locator('td.best').innerText();
  assert.match(best, /^best 2\.3056 ± 0\.0057/);
  assert.deepEqual(await cellsOf(page, 'seed'), []);
  await page.screenshot({ path: path.join(screenshots, 'compare-seeds.png') });
  await page.locator('vscode-checkbox', { hasText: 'group seeds' }).click();
  await page.waitForFunction(
    () => document.querySelector('.comparison')?.getAttribute('aria-colcount') === '16',
  );
  assert.deepEqual(await cellsOf(page, 'seed').then((all) => all.slice(0, 3)), ['0', '0', '0']);
  assert.deepEqual(problems, []);
  await page.close();
});

test('a pinned baseline stands first, everything is a difference to it, with a test paired by seed', async () => {
  const { page, fake, problems } = await openCompare(host, seeded);
  await page.locator('.column-head', { hasText: 'hot' }).locator('.pin').click();
  const pinned = (await fake.lastPosted('pin'))?.run;
  assert.equal(pinned, seeded[1]!.run.run);
  await fake.send({ type: 'baseline', run: pinned });
  await page.locator('.column-head.fixed', { hasText: 'hot' }).waitFor();
  await fake.answerAll();
  assert.deepEqual(await headsOf(page), ['hot', 'base', 'warm']);
  const cells = await cellsOf(page, 'validation loss, mlm, final');
  // Differences by seed 0.096, 0.104, 0.096, 0.096, 0.108: 0.1 ± 2.776 · 0.00566 / √5.
  assert.match(cells[1]!, /\+0\.100 \[0\.093,\s0\.107\], p\s<\s0\.001$/);
  assert.deepEqual(await cellsOf(page, 'peak learning rate'), ['1e-3', '5e-4', '8e-4']);
  assert.match(await page.locator('.overlay-panel h2').innerText(), /Loss, difference to hot/);
  assert.equal(await rowOf(page, 'validation loss, mlm, final').locator('td.worse').count(), 2);
  await page.screenshot({ path: path.join(screenshots, 'compare-baseline.png') });
  await page.locator('vscode-checkbox', { hasText: 'only differences' }).click();
  await page.locator('.filter').fill('weight decay');
  await rowOf(page, 'weight decay').waitFor();
  assert.deepEqual(
    (await cellsOf(page, 'weight decay')).map((text) => text.trim().replace(/\s+/g, ' ')),
    ['0.1', '= as the baseline', '= as the baseline'],
  );
  await page.locator('vscode-button', { hasText: 'Unpin Baseline' }).click();
  assert.equal((await fake.lastPosted('pin'))?.run, null);
  assert.deepEqual(problems, []);
  await page.close();
});

test('keys move through the table, pin, sort and remove; what is entered is said', async () => {
  const { page, fake } = await openCompare(host, singles);
  await page.locator('.column-head').first().focus();
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('b');
  assert.equal((await fake.lastPosted('pin'))?.run, singles[1]!.run.run);
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowDown');
  await page.waitForFunction(() =>
    /training loss|validation loss/.test(document.querySelector('[role=status]')?.textContent ?? ''),
  );
  assert.match(
    await page.locator('.detail-line').innerText(),
    /210m-clm-1k-mlm40-4.2k-hot: 2\.44\d* at step|210m-clm-1k-mlm40-4.2k-hot: 2\.4/,
  );
  await page.keyboard.press('Home');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Enter');
  assert.deepEqual(
    await headsOf(page),
    [...singles].reverse().map(({ run }) => run.name),
    'descending',
  );
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Delete');
  assert.deepEqual((await fake.lastPosted('remove'))?.runs, [singles[2]!.run.run]);
  await page.close();
});

test('each difference says its reason: setup, data, code, seed or place, and is found by it', async () => {
  const other = fakeRunToCompare(4, 'other-seed', { setup: 'd', seed: 7 });
  const { page, fake } = await openCompare(host, [...singles, other], {}, { height: 1500 });
  const heads = await page.locator('.section-name').allInnerTexts();
  for (const head of ['Schedule setup', 'Data', 'Code', 'Seed', 'Place'])
    assert.ok(heads.includes(head), `${head} in ${heads.join(', ')}`);
  await page.locator('vscode-button', { hasText: 'Copy CSV' }).click();
  const lines = (await fake.lastPosted('copy'))!.text.split('\r\n');
  const expected = {
    'peak learning rate': ['setup', '5e-4', '1e-3', '5e-4', '5e-4'],
    bundle: ['code', 'a1b2c3d4e5f60718', 'a1b2c3d4e5f60718', 'ffff0000ffff0000', 'a1b2c3d4e5f60718'],
    seed: ['seed', '0', '0', '0', '7'],
    node: ['place', 'atlas', 'borealis', 'atlas', 'atlas'],
  };
  for (const [label, [reason, ...values]] of Object.entries(expected))
    assert.ok(
      lines.some((line) => line.endsWith([`,${reason}`, label, ...values].join(','))),
      `${label} in ${lines.join('\n')}`,
    );
  // Sorted by name there are no sections: the reason stands beside each row.
  await page.locator('vscode-dropdown[aria-label="Rows"]').click();
  await page.locator('vscode-option', { hasText: 'by name' }).click();
  const reasonOf = async (label: string) => (await rowOf(page, label).locator('.reason').innerText()).trim();
  const besides = {
    'peak learning rate': 'setup',
    tokenizer: 'data',
    bundle: 'code',
    seed: 'seed',
    node: 'place',
  };
  for (const [label, reason] of Object.entries(besides)) assert.equal(await reasonOf(label), reason, label);
  for (const [reason, label] of [
    ['data', 'tokenizer'],
    ['code', 'bundle'],
  ] as const) {
    await page.locator('.filter').fill(reason);
    await page.waitForFunction(
      (wanted) => document.querySelector('.comparison tbody .label')?.textContent === wanted,
      label,
    );
    assert.deepEqual(await page.locator('.comparison tbody .label').allInnerTexts(), [label]);
  }
  await page.close();
});

test('speed and cost: tokens, time, GPU-hours of each run and of seeds together; lineage: parent and children', async () => {
  // 10 and 5 hours on one GPU each: 7.5 a run, 15 together; 4 hours on 2 GPUs: 8.
  const seed = (index: number, elapsed: number) =>
    fakeRunToCompare(index, 'seeds', {
      ...{ setup: 'a', seed: index, fact: { elapsed } },
      change: { children: [{ run: '20260101-00000009', name: `branch-${index}`, step: 1000 }] },
    });
  const branch = fakeRunToCompare(9, 'branch', {
    ...{ setup: 'b', fact: { elapsed: 14_400 } },
    change: {
      ...{ gpus: 2, tokens: 1.2e9, step: 2400 },
      parent: { checkpoint: '20260101-00000001@1000', name: 'seeds' },
    },
  });
  const { page } = await openCompare(host, [seed(1, 36_000), seed(2, 18_000), branch], {}, { height: 1500 });
  const cells = async (label: string) =>
    (await cellsOf(page, label)).map((text) => text.trim().replace(/\s+/g, ' '));
  assert.deepEqual(await cells('GPU-hours'), ['7.5 a run 15 together', '8']);
  assert.deepEqual(await cells('tokens'), ['9.6B a run 19.2B together', '1.2B']);
  assert.deepEqual(await cells('time of training'), ['7 h 30 min a run 15 h together', '4 h']);
  assert.deepEqual(await cells('CPU-hours'), ['480 a run 960 together', '256']);
  assert.equal((await cells('FLOPs of training'))[1], '1.56e18');
  assert.deepEqual(await cells('started from'), ['–', 'seeds at step 1,000 (20260101-00000001@1000)']);
  const children = await cells('runs from its checkpoints');
  assert.match(children[0]!, /^branch-1 from step 1,000 \(20260101-00000009\); branch-2 from step 1,000/);
  assert.equal(children[1], '–');
  await page.screenshot({ path: path.join(screenshots, 'compare-cost.png') });
  await page.close();
});

test('the cursor of the chart has a row in the table, and is said', async () => {
  const { page } = await openCompare(host, singles);
  await page.locator('.chart').focus();
  await page.keyboard.press('End');
  const cells = await cellsOf(page, 'loss at step 4,200');
  assert.equal(cells.length, 3);
  assert.match(cells[0]!, /^2\.\d+/);
  await page.waitForFunction(() =>
    /loss at step 4,200: 210m/.test(document.querySelector('[role=status]')?.textContent ?? ''),
  );
  await page.keyboard.press('Escape');
  assert.equal(await rowOf(page, 'loss at step').count(), 0);
  await page.close();
});

test('the chart marks where objectives switch and decays begin, with words, and takes the marks away with their columns', async () => {
  const late = fakeRunToCompare(4, 'late', {
    setup: 'd',
    change: {
      phases: [
        { objective: 'clm', until: 3000 },
        { objective: 'mlm', until: 4200 },
      ],
      decayStart: 3600,
    },
  });
  const { page, problems, fake } = await openCompare(host, [...singles, late]);
  const words = page.locator('.overlay-panel .phase-words span');
  const lines = page.locator('.overlay-panel .marks line');
  await words.nth(2).waitFor();
  assert.deepEqual((await words.allInnerTexts()).sort(), [
    'clm → mlm · 3 runs',
    'clm → mlm · late',
    'decay · late',
  ]);
  const places = await lines.evaluateAll((all) => all.map((line) => Number(line.getAttribute('x1'))));
  const [first, second, third] = places as [number, number, number];
  // 1,000, 3,000 and 3,600 steps on one axis.
  assert.ok(Math.abs((third - first) / (second - first) - 2600 / 2000) < 0.01, places.join());
  await fake.sendAll(compareState(singles));
  await words.nth(1).waitFor({ state: 'detached' });
  assert.deepEqual(await words.allInnerTexts(), ['clm → mlm · 3 runs']);
  assert.equal(await lines.count(), 1);
  assert.deepEqual(problems, []);
  await page.close();
});

test('rows are filtered and sorted, and what is shown is copied as Markdown and CSV', async () => {
  const hostile = fakeRunToCompare(4, '=HYPERLINK("x")|<b>`"', { peak: 2e-3 });
  const { page, fake } = await openCompare(host, [singles[0]!, hostile]);
  await page.locator('.filter').fill('schedule');
  await rowOf(page, 'peak learning rate').waitFor();
  assert.equal(await page.locator('.comparison tbody .row-head').count(), 1);
  await page.locator('vscode-button', { hasText: 'Copy CSV' }).click();
  const csv = (await fake.lastPosted('copy'))!;
  assert.equal(csv.format, 'CSV');
  assert.deepEqual(csv.text.split('\r\n'), [
    `section,reason,row,210m-clm-1k-mlm40-4.2k (seed 0 · atlas),"'=HYPERLINK(""x"")|<b>\`"" (seed 0 · atlas)"`,
    'Schedule,setup,peak learning rate,5e-4,2e-3',
    '',
  ]);
  await page.locator('vscode-button', { hasText: 'Copy Markdown' }).click();
  const markdown = (await fake.lastPosted('copy'))!;
  assert.match(markdown.text, /\| =HYPERLINK\("x"\)\\\|\\<b\\>\\`" \(seed 0 · atlas\) \|/);
  assert.match(markdown.text, /\| Schedule: peak learning rate \| 5e-4 \| 2e-3 \|/);
  await page.close();
});

test('hostile names stay text, in heads, tooltips and cells', async () => {
  const name = '<img src=x onerror="window.owned=1"><script>window.owned=1</script>';
  const long = `${'very-long-'.repeat(19)}\u202Eevil`;
  const runs = [
    fakeRunToCompare(1, name, {
      fact: { metrics: [metric('<img src=x onerror="window.owned=1">/loss', 1, 10)] },
      change: {
        parent: { checkpoint: '20260101-00000009@500', name },
        children: [{ run: '20260101-00000008', name, step: 5 }],
      },
    }),
    fakeRunToCompare(2, long, { fact: { spec: { 'setup › <b>x</b> › <i>y</i>': name } } }),
  ];
  const { page, problems } = await openCompare(host, runs);
  assert.equal(await page.locator('img').count(), 0);
  assert.equal(await page.locator('.comparison b, .comparison i').count(), 0);
  await page.screenshot({ path: path.join(screenshots, 'compare-hostile.png') });
  await page.locator('.chart').focus();
  await page.keyboard.press('t');
  await page.locator('.data-table th', { hasText: name }).first().waitFor();
  assert.equal(await page.locator('img').count(), 0);
  assert.equal(await page.evaluate(() => 'owned' in globalThis), false);
  assert.deepEqual(problems, []);
  await page.close();
});

test('bad input: no points, all NaN, an unreadable run file, two runs of one name, facts that could not be had', async () => {
  const runs = [
    fakeRunToCompare(1, 'twin'),
    fakeRunToCompare(2, 'twin', { node: 'borealis' }),
    fakeRunToCompare(3, 'no-points', {
      fact: { metrics: [], elapsed: null, tokensPerSecond: null },
      change: { step: 0, tokens: 0, state: 'failed' },
    }),
    fakeRunToCompare(4, 'all-NaN', { validation: 'NaN' }),
    fakeRunToCompare(5, 'unreadable', { fact: { spec: null, problem: 'Its run file could not be read.' } }),
    fakeRunToCompare(6, 'huge', { validation: 1e308 }),
  ];
  const { page, fake, problems } = await openCompare(
    host,
    runs,
    {},
    {
      width: 1500,
      value: (index, step) => (index === 4 ? Number.NaN : index === 6 ? 1e308 : lossAt(index, step)),
    },
  );
  await fake.send({ type: 'factsFailed', runs: [runs[1]!.run.run], message: 'gone' });
  await page.waitForFunction(() =>
    /Values of 1 run could not be had/.test(document.querySelector('.notes')?.textContent ?? ''),
  );
  const cells = await cellsOf(page, 'validation loss, mlm, final');
  assert.match(cells[2]!, /^–$/);
  assert.match(cells[3]!, /^NaN/);
  assert.match(cells[5]!, /^1\.?0*e308/);
  assert.match((await cellsOf(page, 'validation loss, mlm, lowest'))[3]!, /none\s+all 1,000 NaN or infinite/);
  assert.match(await page.locator('.notes').innerText(), /The run file of 1 run could not be read/);
  assert.deepEqual(
    await page
      .locator('.column-foot .detail')
      .allInnerTexts()
      .then((all) => all.slice(0, 2)),
    ['seed 0 · atlas', 'seed 0 · borealis'],
    'twins are told apart',
  );
  await page.screenshot({ path: path.join(screenshots, 'compare-bad-input.png') });
  assert.deepEqual(problems, []);
  await page.close();
});

test('5,000 metrics of two runs: few cells are made, and the filter finds one', async () => {
  const many = Array.from({ length: 4999 }, (_, i) =>
    metric(`probe/${String(i).padStart(4, '0')}`, i / 7, 4200),
  );
  const runs = [1, 2].map((index) =>
    fakeRunToCompare(index, `run-${index}`, {
      ...{ setup: String(index), peak: index * 1e-4 },
      fact: { metrics: [metric('loss', 2 + index / 10, 4200), ...many] },
    }),
  );
  const { page, problems } = await openCompare(host, runs);
  const table = page.locator('.comparison');
  assert.ok(Number(await table.getAttribute('aria-rowcount')) > 5000);
  const cells = () => table.locator('td').count();
  assert.ok((await cells()) < 200, `${await cells()} cells`);
  await page.screenshot({ path: path.join(screenshots, 'compare-5000-metrics.png') });
  await page.locator('.column-head').first().focus();
  await page.keyboard.press('Control+End');
  await page.waitForFunction(() => (document.querySelector('.table-scroller')?.scrollTop ?? 0) > 100_000);
  assert.equal(await page.evaluate(() => document.activeElement?.getAttribute('data-column')), '2');
  assert.ok((await cells()) < 200, `${await cells()} cells at the end`);
  await page.locator('.filter').fill('probe/4321');
  await page.waitForFunction(() => document.querySelectorAll('.comparison tbody .label').length === 1);
  assert.deepEqual(await cellsOf(page, 'probe/4321, final'), Array(2).fill('617.3\nat step 4,200'));
  assert.equal(await page.locator('vscode-dropdown[aria-label="Curve"] vscode-option').count(), 200);
  await page.screenshot({ path: path.join(screenshots, 'compare-5000-filtered.png') });
  assert.deepEqual(problems, []);
  await page.close();
});

test('bad input: a metric that appears late, one that ends early, and one that is constant', async () => {
  const runs = [1, 2].map((index) =>
    fakeRunToCompare(index, `run-${index}`, {
      ...{ setup: String(index), peak: index * 1e-4 },
      fact: {
        metrics: [
          ...[metric('loss', 2, 4200), metric('late', 1, 4200), metric('constant', 0.5, 4200)],
          metric('early', 3, index === 2 ? 1000 : 4200),
        ],
      },
    }),
  );
  const value = (index: number, step: number, name: string): number | undefined => {
    if (index === 2 && name === 'late' && step < 3000) return undefined;
    if (index === 2 && name === 'early' && step > 1000) return undefined;
    return name === 'constant' ? 0.5 : lossAt(index, step);
  };
  const { page, fake, problems } = await openCompare(host, runs, {}, { value });
  const summary = page.locator('#chart-summary');
  const choose = async (name: string, said: RegExp) => {
    await page.locator('vscode-dropdown[aria-label="Curve"]').click();
    await page.locator('vscode-dropdown[aria-label="Curve"] vscode-option', { hasText: name }).click();
    await page.locator('.overlay-panel h2', { hasText: name }).waitFor();
    await fake.answerAll();
    await page.locator('.chart').focus();
    await summary.filter({ hasText: said }).waitFor({ state: 'attached' });
  };
  await choose('late', /^2 columns\. run-1: 2\.\d+ at step 4,200.*; run-2: 2\.\d+ at step 4,200/);
  await page.keyboard.press('Home');
  assert.match((await cellsOf(page, 'late at step 10'))[0]!, /^\d\.\d+/);
  assert.equal((await cellsOf(page, 'late at step 10'))[1], '–', 'nothing before it appears');
  await page.screenshot({ path: path.join(screenshots, 'compare-late.png') });
  await page.keyboard.press('Escape');
  await choose('early', /run-2: \d\.\d+ at step 1,000/);
  await page.keyboard.press('End');
  assert.match((await cellsOf(page, 'early at step 4,200'))[1]!, /^\d\.\d+\s+at step 1,000$/);
  await page.screenshot({ path: path.join(screenshots, 'compare-early.png') });
  await page.keyboard.press('Escape');
  await choose('constant', /^2 columns\. run-1: 0\.5000 at step 4,200; run-2: 0\.5000 at step 4,200$/);
  await page.screenshot({ path: path.join(screenshots, 'compare-constant.png') });
  assert.deepEqual(problems, []);
  await page.close();
});

test('imported runs: the first curve is what they have, and one sentence says that their setup is not known', async () => {
  const outside = (index: number, name: string, lowest: number) =>
    fakeRunToCompare(index, name, {
      node: 'imported',
      change: { seed: null, tokens: 0, flopsPerToken: null, phases: [], cores: null, gpus: null },
      fact: {
        spec: null,
        tokensPerSecond: null,
        metrics: [
          metric('train/loss', lowest, 4200),
          { ...metric('accuracy', 0.5, 4200), best: { step: 4000, value: 0.52 } },
        ],
      },
    });
  const runs = [outside(1, 'theirs', 2.1), outside(2, 'theirs-wide', 2.2)];
  const { page, fake, problems } = await openCompare(host, runs);
  await page.locator('.overlay-panel h2', { hasText: 'train/loss' }).waitFor();
  assert.equal((await fake.lastPosted('series'))?.series.metric, 'train/loss');
  await page.locator('.overlay-panel .note', { hasText: /points/ }).waitFor();
  assert.match(
    await page.locator('.notes').innerText(),
    /2 runs are imported and have no run file: what differs in their setup is not known\./,
  );
  assert.equal((await cellsOf(page, 'train/loss, final')).length, 2);
  assert.equal((await cellsOf(page, 'accuracy, highest')).length, 2);
  assert.equal(await rowOf(page, 'tokens').count(), 0, 'nobody counted them');
  await page.screenshot({ path: path.join(screenshots, 'compare-imported.png') });
  assert.deepEqual(problems, []);
  await page.close();
});

test('an imported run beside own ones differs in nothing that is not known, pinned or not', async () => {
  const theirs = fakeRunToCompare(9, 'theirs', { node: 'imported', fact: { spec: null } });
  const { page, fake } = await openCompare(host, [singles[0]!, singles[1]!, theirs]);
  assert.deepEqual(await cellsOf(page, 'peak learning rate'), ['5e-4', '1e-3', '–']);
  assert.match(await page.locator('.notes').innerText(), /1 run is imported and has no run file/);
  await fake.send({ type: 'baseline', run: theirs.run.run });
  await page.locator('.column-head.fixed', { hasText: 'theirs' }).waitFor();
  assert.equal(await rowOf(page, 'peak learning rate').locator('td.other').count(), 0);
  assert.equal(await page.locator('.overlay-panel h2').innerText(), 'Loss, difference to theirs');
  await page.close();
});

test('nothing to compare, and one run', async () => {
  const { page, problems } = await host.open('compare', 'light', 700, 2200);
  const fake = new FakeCompareHost(page, singles.slice(0, 1));
  await fake.send({ type: 'snapshot', state: compareState([]) });
  await page.getByText('No runs to compare').waitFor();
  await page.locator('.empty vscode-button').click();
  assert.equal((await fake.posted()).at(-1)?.type, 'pickRuns');
  await fake.sendAll(compareState(singles.slice(0, 1)));
  await page.getByText('One run: choose a second one').waitFor();
  await rowOf(page, 'warm-up').waitFor();
  assert.deepEqual(await cellsOf(page, 'warm-up'), ['700 steps'], 'with one run everything is shown');
  assert.deepEqual(problems, []);
  await page.close();
});

test('running runs update: state, values and curve', async () => {
  const running = fakeRunToCompare(1, 'live', { change: { state: 'running', step: 2000 } });
  const { page, fake } = await openCompare(host, [running, singles[1]!]);
  assert.deepEqual(
    (await fake.lastPosted('show'))?.series,
    ['loss', 'validation/loss/mlm'].map((name) => ({ run: running.run.run, metric: name })),
    'the marks beside the loss grow too',
  );
  await fake.append(running.run.run, 2010);
  await page.locator('.chart').focus();
  await fake.send({ type: 'runs', runs: [{ ...running.run, step: 2010, tokens: 5e9 }], removed: [] });
  await page.waitForFunction(() => /2,010/.test(document.querySelector('.comparison')?.textContent ?? ''));
  const fresh = { ...running.fact, metrics: [metric('validation/loss/mlm', 1.5, 2010)] };
  await fake.send({ type: 'facts', facts: [fresh] });
  await page.waitForFunction(() => /1\.500/.test(document.querySelector('.comparison')?.textContent ?? ''));
  await page.close();
});

test('the state comes back: what a page saved is what it shows again', async () => {
  const { page, fake } = await openCompare(host, singles, {
    filter: 'peak',
    sortRows: 'name',
    sortColumns: { row: 'cost tokens/s', descending: false },
  });
  assert.deepEqual(
    await headsOf(page),
    [...singles].reverse().map(({ run }) => run.name),
  );
  assert.equal(await page.locator('.filter').inputValue(), 'peak');
  await page.keyboard.press('d');
  await page.waitForFunction(() =>
    (
      globalThis as unknown as { posted: { type: string; state?: { onlyDifferences: boolean } }[] }
    ).posted.some((m) => m.type === 'state' && m.state?.onlyDifferences === false),
  );
  assert.equal((await fake.lastPosted('state'))?.state.filter, 'peak');
  await page.close();
});

test('1,000 runs: only what is in view is drawn, and every curve is there', async (t) => {
  const runs = Array.from({ length: 1000 }, (_, i) =>
    fakeRunToCompare(i + 1, `run-${i + 1}`, { peak: 1e-4 * ((i % 7) + 1) }),
  );
  const { page, problems } = await host.open('compare', 'dark', 1100, 900);
  const fake = new FakeCompareHost(page, runs);
  await fake.answerItself();
  const tasks = await longTasks(page, async () => {
    await fake.sendAll(compareState(runs));
    await page.locator('.comparison tbody tr').first().waitFor();
    const scroller = page.locator('.table-scroller');
    for (const left of [5000, 80_000, 196_000]) {
      await scroller.evaluate((e, to) => e.scrollTo(to, 0), left);
      await page.evaluate(
        () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))),
      );
    }
    await page.waitForFunction(
      () => Number(document.querySelector<HTMLElement>('canvas.behind')?.dataset.curves) > 950,
    );
    await page.waitForFunction(() => !/to come/.test(document.querySelector('.compare')?.textContent ?? ''));
    await page.locator('body').press('d');
    await page.locator('.filter').fill('loss');
  });
  assert.ok((await headsOf(page)).includes('run-1000'));
  assert.ok((await page.locator('.comparison td').count()) < 1500);
  const asked = (await fake.posted()).filter((m) => m.type === 'series' && m.series.metric === 'loss').length;
  assert.ok(asked >= 1000, `${asked}`);
  await page.screenshot({ path: path.join(screenshots, 'compare-1000-runs.png') });
  t.diagnostic(`tasks, software drawing: ${JSON.stringify(tasks)}`);
  assert.deepEqual(problems, []);
  await page.close();
});

/** Tasks of the page's main thread while `work` is done: how many over 50 ms, the longest, by the clock and by its own time. */
async function longTasks(page: Page, work: () => Promise<void>): Promise<object> {
  await host.browser.startTracing(page, {
    categories: ['toplevel', 'disabled-by-default-devtools.timeline', '__metadata'],
  });
  await work();
  const { traceEvents } = JSON.parse((await host.browser.stopTracing()).toString()) as {
    traceEvents: {
      name: string;
      cat: string;
      pid: number;
      tid: number;
      ts: number;
      dur?: number;
      tdur?: number;
      args: { name?: string };
    }[];
  };
  const mains = new Set(
    traceEvents.flatMap((e) =>
      e.name === 'thread_name' && e.args.name === 'CrRendererMain' ? [`${e.pid} ${e.tid}`] : [],
    ),
  );
  const ran = traceEvents.filter((e) => e.name === 'RunTask' && mains.has(`${e.pid} ${e.tid}`));
  const over = (values: (number | undefined)[]) =>
    values.filter((us) => us !== undefined && us > 50_000).length;
  const most = (values: (number | undefined)[]) =>
    Math.round(Math.max(...values.map((us) => us ?? 0)) / 1000);
  const clock = ran.map(({ dur }) => dur);
  const own = ran.map(({ tdur }) => tdur);
  return {
    tasks: ran.length,
    ...{ overByClock: over(clock), longestByClockMs: most(clock) },
    ...{ overOfOwnTime: over(own), longestOfOwnTimeMs: most(own) },
  };
}
