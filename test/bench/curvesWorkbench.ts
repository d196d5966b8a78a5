/// <reference lib="dom" />
// Curves and comparison in a real workbench with the packaged extension, headless Chromium, drawing by software:
//   node test/bench/curvesWorkbench.ts [--runs 38] [--steps 42000] [--minutes 1] [--only open,gestures,live,many,peer]
//     [--profile FOLDER]
// `open`: from Enter on Biphase: Show Curves until all charts have drawn all runs. `gestures`: zoom and pan by wheel.
// `live`: 2,000 points a second in 20 runs. `many`: 1,000 runs in the tree and in the comparer. `peer`: TensorBoard with
// the same data, written by our exporter. Prints one Markdown table with goals; --profile keeps CPU profiles of the page.
// It asserts nothing.
import os from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { CDPSession, Frame, Page } from 'playwright-core';
import { makePrivateHome } from '../support/privateHome.ts';
import { startWorkbench, type Workbench } from '../support/workbenchBrowser.ts';
import { palette, paletteAndPick } from '../support/workbenchPage.ts';
import { measureMany } from './curvesWorkbench/manyRuns.ts';
import {
  type Drawn,
  gesture,
  heapInUse,
  pressedAt,
  probeFrames,
  profiled,
  takeDrawn,
  takeLongTasks,
  tracedTasks,
  untilAllDrawn,
} from './curvesWorkbench/pageProbe.ts';
import {
  type Part,
  type Pids,
  parts,
  pidsOf,
  processorMs,
  residentBytes,
} from './curvesWorkbench/processes.ts';
import { LiveWriter, metrics, type RecordedRun, writeRecordedRuns } from './curvesWorkbench/recordedRuns.ts';
import { measureTensorboard } from './curvesWorkbench/tensorboardPeer.ts';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '38' },
    steps: { type: 'string', default: '42000' },
    minutes: { type: 'string', default: '1' },
    only: { type: 'string', default: 'open,gestures,live,many,peer' },
    profile: { type: 'string' },
  },
});
const [runCount, steps, minutes] = [values.runs, values.steps, values.minutes].map(Number) as [
  number,
  number,
  number,
];
const wanted = new Set(values.only.split(','));
const curves = runCount * metrics.length;
const liveRuns = Math.min(20, runCount);
const pointsPerSecond = 2000;
const repeats = 5;

const rows: string[] = [];
function row(measured: string, result: string, goal = ''): void {
  rows.push(`| ${measured} | ${result} | ${goal} |`);
  process.stderr.write(`${rows.at(-1)}\n`);
}

const loadBefore = os.loadavg()[0]!;
if (['open', 'gestures', 'live', 'peer'].some((part) => wanted.has(part))) await measureCurves();
if (wanted.has('many')) await measureMany(row, values.profile);
const { model } = os.cpus()[0]!;
process.stdout.write(
  `${new Date().toISOString().slice(0, 10)}, ${os.cpus().length} cores of ${model}, ${Math.round(os.totalmem() / 2 ** 30)} GiB, ` +
    `load ${loadBefore.toFixed(1)} before and ${os.loadavg()[0]!.toFixed(1)} after; drawing by software, no GPU; ` +
    `${runCount} runs, ${steps} steps, ${metrics.length} metrics.\n\n` +
    `| measured | result | goal |\n|---|---|---|\n${rows.join('\n')}\n`,
);
process.exit(0);

async function measureCurves(): Promise<void> {
  const person = makePrivateHome();
  const runs = writeRecordedRuns(person, { count: runCount, steps, live: runCount });
  const workbench = await startWorkbench({ person });
  try {
    await probeFrames(workbench.browser);
    const page = await workbench.open();
    const session = await workbench.browser.newCDPSession(page);
    await paletteAndPick(page, 'Biphase: Test Node', 'this computer');
    await page.locator('.statusbar-item', { hasText: new RegExp(`${runCount} running`) }).waitFor();
    const frame = await measureOpening(workbench, page, session);
    if (wanted.has('gestures')) await measureGestures(page, frame, session);
    if (wanted.has('live')) await measureArriving(workbench, page, frame, session, runs.slice(0, liveRuns));
    if (wanted.has('peer')) {
      await palette(page, 'View: Close All Editors');
      await measureTensorboard(workbench, runs, metrics, row);
    }
  } finally {
    await workbench.close();
  }
}

/** Opens the panel once cold, then warm; leaves it open. */
async function measureOpening(workbench: Workbench, page: Page, session: CDPSession): Promise<Frame> {
  const open = async (name: string) => {
    await takeLongTasks(page);
    const pids = await pidsOf(workbench);
    const before = processorOf(pids);
    const opened = await profiled(session, values.profile, name, async () => {
      await palette(page, 'Biphase: Show Curves');
      const { shown, ...all } = await untilAllDrawn(page, curves);
      return { ...all, seconds: (shown - (await pressedAt(page))) / 1000 };
    });
    // What it has still to do belongs to it.
    await sleep(500);
    return { ...opened, tasks: await takeLongTasks(page), processor: spentText(pids, before) };
  };
  const cold = await open('open-cold');
  row(
    'Show Curves → all charts show all runs, first time in the window',
    `${cold.seconds.toFixed(2)} s (${cold.drawings} drawings; longest task ${ms(longest(cold.tasks))}; ${cold.processor})`,
  );
  const warm: (typeof cold)[] = [];
  for (let i = 0; i < (wanted.has('open') ? repeats : 1); i++) {
    await palette(page, 'View: Close All Editors');
    await page.locator('.tab').first().waitFor({ state: 'detached' });
    warm.push(await open(`open-warm-${i}`));
  }
  const seconds = warm.map((each) => each.seconds);
  row(
    `the same with a panel shown before, median of ${warm.length}`,
    `${quantile(seconds, 0.5).toFixed(2)} s, worst ${Math.max(...seconds).toFixed(2)} s (${warm[0]!.drawings} drawings; longest task ` +
      `${ms(longest(warm.flatMap(({ tasks }) => tasks)))}; ${warm.at(-1)!.processor})`,
    '≤ 1 s',
  );
  return warm.at(-1)!.frame;
}

async function measureGestures(page: Page, frame: Frame, session: CDPSession): Promise<void> {
  for (const [name, wheel] of [
    ['zoom', { deltaY: -4, ctrlKey: true }],
    ['pan', { deltaX: 6 }],
  ] as const) {
    await sleep(1500);
    await takeDrawn(frame);
    await takeLongTasks(page);
    const { found, finer } = await profiled(session, values.profile, name, async () => {
      const found = await gesture(frame, wheel);
      // What was drawn before the end is not the picture that follows.
      const finer = await untilAllDrawn(page, curves, () => [frame]);
      return { found, finer: finer.shown - found.ended };
    });
    row(
      `${name}: frames a second while it lasts`,
      `${found.framesPerSecond.toFixed(0)} (slowest frame ${ms(found.slowestFrame)})`,
      '≥ 50',
    );
    row(
      `${name}: last move → all charts exact with the points there are; → finer points of all runs drawn`,
      `${ms(found.exactAfter)}; ${ms(finer)} (longest task ${ms(longest(await takeLongTasks(page)))})`,
      '≤ 150 ms',
    );
  }
  await frame.locator('.panel.big .chart').focus();
  await page.keyboard.press('0');
}

async function measureArriving(
  workbench: Workbench,
  page: Page,
  frame: Frame,
  session: CDPSession,
  runs: readonly RecordedRun[],
): Promise<void> {
  const writer = new LiveWriter(runs, pointsPerSecond / metrics.length);
  await sleep(5000);
  const pids = await pidsOf(workbench);
  const memory = async () => ({
    heap: await heapInUse(session),
    resident: new Map(parts.map((part) => [part, residentBytes(pids[part])])),
  });
  const start = await memory();
  // Neither that collection of garbage nor what was drawn before it belongs to what follows.
  await sleep(1000);
  await takeDrawn(frame);
  await takeLongTasks(page);
  const before = processorOf(pids);
  const begun = Date.now();
  const linesBefore = writer.lines;
  const drawn: Drawn[] = [];
  await profiled(session, values.profile, 'live', async () => {
    while (Date.now() - begun < minutes * 60_000) {
      await sleep(Math.min(250, Math.max(0, begun + minutes * 60_000 - Date.now())));
      // Taken out of the page: kept there they would be its memory.
      drawn.push(...(await takeDrawn(frame)));
    }
  });
  const seconds = (Date.now() - begun) / 1000;
  const rate = ((writer.lines - linesBefore) * metrics.length) / seconds;
  const processor = spentText(pids, before);
  const tasks = await takeLongTasks(page);
  const end = await memory();
  const traced = await tracedTasks(workbench.browser, page, () => sleep(10_000));
  writer.end();
  row(
    `${rate.toFixed(0)} points a second into ${runs.length} of ${runCount} runs for ${(seconds / 60).toFixed(1)} min: redraws a second and chart`,
    metrics
      .map((metric) => {
        const times = new Set(
          drawn.flatMap((each) => (each.metric === metric && each.redrawn ? each.time : [])),
        );
        return `${metric} ${(times.size / seconds).toFixed(2)}`;
      })
      .join(', '),
    '≤ 5',
  );
  const late = writtenToDrawn(drawn, writer);
  row(
    'written → drawn',
    `median ${ms(quantile(late, 0.5))}, p95 ${ms(quantile(late, 0.95))}, worst ${ms(late.at(-1) ?? Number.NaN)} (n = ${late.length})`,
    'p95 ≤ 150 ms',
  );
  row(
    'tasks over 50 ms in the page',
    `${tasks.length}, longest ${ms(longest(tasks))}; traced for 10 s: longest ${ms(traced.clock)} by the clock, ${ms(traced.own)} of processor time`,
    'none',
  );
  row('processor time meanwhile', processor);
  const pair = (from: number, to: number): string =>
    `${(from / 2 ** 20).toFixed(0)} → ${(to / 2 ** 20).toFixed(0)} MiB`;
  row(
    'memory at start → at end',
    [
      `heap of the page ${pair(start.heap, end.heap)}`,
      ...parts.map((part) => `${part} resident ${pair(start.resident.get(part)!, end.resident.get(part)!)}`),
    ].join('; '),
    'flat',
  );
}

/** Milliseconds from before a line was written to the first drawing that holds its step, of every metric; ascending. */
function writtenToDrawn(drawn: readonly Drawn[], writer: LiveWriter): Float64Array {
  const late: number[] = [];
  for (const seen of Map.groupBy(drawn, ({ run, metric }) => `${run} ${metric}`).values()) {
    const written = writer.written.get(seen[0]!.run);
    if (!written) continue;
    let step = seen[0]!.lastStep;
    for (const { lastStep, shown } of seen)
      for (; step < lastStep; ) late.push(shown - written.times[++step - written.first]!);
  }
  return Float64Array.from(late).sort();
}

function processorOf(pids: Pids): Map<Part, number> {
  return new Map(parts.map((part) => [part, processorMs(pids[part])]));
}

function spentText(pids: Pids, before: ReadonlyMap<Part, number>): string {
  const spent = parts.map(
    (part) => `${part} ${((processorMs(pids[part]) - before.get(part)!) / 1000).toFixed(2)} s`,
  );
  return `processor time: ${spent.join(', ')}`;
}

function quantile(numbers: ArrayLike<number>, share: number): number {
  const sorted = Float64Array.from(numbers).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

function longest(tasks: readonly number[]): number {
  return Math.max(0, ...tasks);
}

function ms(value: number): string {
  return `${value.toFixed(0)} ms`;
}
