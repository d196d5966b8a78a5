import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { Page } from 'playwright-core';
import type { CompareState } from '../../../src/protocol/comparePage.ts';
import {
  compareState,
  FakeCompareHost,
  type FakeRun,
  fakeRunToCompare,
  lossAt,
  metric,
} from './fakeComparison.ts';
import { PageHost, screenshots } from './pageHost.ts';
import { type ThemeName, themeNames } from './themes.ts';

let host: PageHost;
before(async () => {
  host = await PageHost.start();
});
after(() => host.stop());

const axe = fs.readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Three setups with different peaks, one run each. */
const singles = [
  fakeRunToCompare(1, '210m-clm-1k-mlm40-4.2k', { peak: 5e-4, setup: 'a' }),
  fakeRunToCompare(2, '210m-clm-1k-mlm40-4.2k-hot', { peak: 1e-3, setup: 'b', node: 'borealis' }),
  fakeRunToCompare(3, '210m-small-vocabulary', { tokenizer: 4096, setup: 'c', bundle: 'ffff0000ffff0000' }),
];

/** Two setups with five seeds each, clearly apart, and a third one between them. */
const seeded = [0, 1, 2, 3, 4].flatMap((seed) => [
  fakeRunToCompare(10 + seed, 'base', { setup: 'a', seed, validation: 2.4 + [0, 1, 2, 1, 3][seed]! * 0.004 }),
  fakeRunToCompare(20 + seed, 'hot', {
    setup: 'b',
    seed,
    peak: 1e-3,
    validation: 2.3 + [1, 0, 3, 2, 1][seed]! * 0.004,
  }),
  fakeRunToCompare(30 + seed, 'warm', {
    setup: 'c',
    seed,
    peak: 8e-4,
    validation: 2.403 + [3, 0, 2, 4, 1][seed]! * 0.004,
  }),
]);

interface Opened {
  page: Page;
  problems: string[];
  fake: FakeCompareHost;
}

async function opened(
  runs: readonly FakeRun[],
  change: Partial<CompareState> = {},
  {
    theme = 'dark',
    width = 1100,
    height = 900,
    value = lossAt,
  }: { theme?: ThemeName; width?: number; height?: number; value?: typeof lossAt } = {},
): Promise<Opened> {
  const { page, problems } = await host.open('compare', theme, width, height);
  const fake = new FakeCompareHost(page, runs, value);
  await fake.sendAll(compareState(runs, change));
  await page.locator('.comparison tbody tr').first().waitFor();
  await fake.answerAll();
  return { page, problems, fake };
}

const rowOf = (page: Page, label: string) =>
  page.locator('.comparison tbody tr', { has: page.locator('.row-head', { hasText: label }) }).first();
const cellsOf = (page: Page, label: string) => rowOf(page, label).locator('td:not(.spacer)').allInnerTexts();
const headsOf = (page: Page) => page.locator('.column-head .name').allInnerTexts();

for (const theme of themeNames)
  test(`single runs in the ${theme} theme: what differs, no winner, and nothing serious for axe`, async () => {
    const { page, problems } = await opened(singles, {}, { theme, height: 1500 });
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
    // By the debugging protocol: the page's own policy lets no other script in.
    await page.evaluate(axe);
    const found = await page.evaluate(async () => {
      const { violations } = await (
        globalThis as unknown as {
          axe: {
            run(): Promise<{
              violations: { id: string; impact: string; nodes: { html: string; failureSummary: string }[] }[];
            }>;
          };
        }
      ).axe.run();
      return violations
        .filter(({ impact }) => impact === 'serious' || impact === 'critical')
        .map(({ id, nodes }) => `${id}: ${nodes[0]?.html} ${nodes[0]?.failureSummary}`);
    });
    assert.deepEqual(found, []);
    assert.deepEqual(problems, []);
    await page.close();
  });

test('seeds of one setup are one column with mean, interval and n; the winner is marked where the intervals say so', async () => {
  const { page, problems } = await opened(seeded);
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
  const { page, fake, problems } = await opened(seeded);
  await page.locator('.column-head', { hasText: 'hot' }).locator('.pin').click();
  const pinned = (await fake.lastPosted('pin'))?.run;
  assert.equal(pinned, seeded[1]!.run.run);
  await fake.send({ type: 'baseline', run: pinned });
  await page.locator('.column-head.fixed', { hasText: 'hot' }).waitFor();
  await fake.answerAll();
  assert.deepEqual(await headsOf(page), ['hot', 'base', 'warm']);
  const cells = await cellsOf(page, 'validation loss, mlm, final');
  assert.match(cells[1]!, /worse|\+0\.1000? \[0\.09\d+, 0\.10\d+\], p < 0\.001/);
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
  const { page, fake } = await opened(singles);
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

test('the cursor of the chart has a row in the table, and is said', async () => {
  const { page } = await opened(singles);
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
  const { page, problems, fake } = await opened([...singles, late]);
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
  const { page, fake } = await opened([singles[0]!, hostile]);
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
  const { page, problems } = await opened(runs);
  assert.equal(await page.locator('img').count(), 0);
  assert.equal(await page.locator('.comparison b, .comparison i').count(), 0);
  assert.equal(await page.evaluate(() => 'owned' in globalThis), false);
  await page.screenshot({ path: path.join(screenshots, 'compare-hostile.png') });
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
  const { page, fake, problems } = await opened(
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
  const { page, fake, problems } = await opened(runs);
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
  const { page, fake } = await opened([singles[0]!, singles[1]!, theirs]);
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
  const { page, fake } = await opened([running, singles[1]!]);
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
  const { page, fake } = await opened(singles, {
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

test('1,000 runs: only what is in view is drawn, every curve is there, and the page is never held up', async (t) => {
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
