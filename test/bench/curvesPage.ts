/// <reference lib="dom" />
// How the curves page draws, in headless Chromium with software drawing (no GPU) and a made-up extension:
//   node test/bench/curvesPage.ts [--runs 38] [--live 20] [--rate 2000]
// Prints as JSON: opening, a zoom and a pan by wheel, hovering, and points that arrive for `live` seconds at `rate` a second;
// of each the tasks above 50 ms (PerformanceObserver "longtask"). It asserts nothing.
import os from 'node:os';
import { parseArgs } from 'node:util';
import type { Page } from 'playwright-core';
import { emptyState, fakeRun } from '../browser/pages/fakeRuns.ts';
import { PageHost } from '../browser/pages/pageHost.ts';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '38' },
    live: { type: 'string', default: '20' },
    rate: { type: 'string', default: '2000' },
  },
});
const [count, live, rate] = [Number(values.runs), Number(values.live), Number(values.rate)];
const steps = 42_000;

interface Bench {
  tasks: number[];
  answer: () => number;
  append: (step: number, every: number) => void;
}

/** Puts the extension's part into the page: answers of as many points as were asked for, and deltas. */
function install(allSteps: number): void {
  const page = window as unknown as { posted: { type: string }[]; bench: Bench };
  const tasks: number[] = [];
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) tasks.push(Math.round(entry.duration));
  }).observe({ type: 'longtask' });
  const valueAtStep = (seed: number, step: number): number => {
    const noise = Math.sin(step * 12.9898 + seed * 78.233) * 43758.5453;
    return 2.2 + seed * 0.01 + 6 * Math.exp(-step / 4000) + 0.16 * (noise - Math.floor(noise));
  };
  const pack = (at: number[], seed: number): ArrayBuffer => {
    const bytes = new ArrayBuffer(at.length * 22);
    new Float64Array(bytes, 0, at.length).set(at);
    new Float64Array(bytes, at.length * 8, at.length).set(at.map((step) => valueAtStep(seed, step)));
    new Uint32Array(bytes, at.length * 16, at.length).set(at);
    return bytes;
  };
  let answered = 0;
  const versions = new Map<string, number>();
  const seedOf = (run: string): number => Number(run.slice(9));
  page.bench = {
    tasks,
    answer() {
      let answers = 0;
      for (; answered < page.posted.length; answered++) {
        const message = page.posted[answered] as {
          type: string;
          request: number;
          series: {
            run: string;
            metric: string;
            x: string;
            from: number | null;
            to: number | null;
            pixels: number;
          };
        };
        if (message.type !== 'series') continue;
        const { run, metric, x, from, to, pixels } = message.series;
        const [first, last] = [from ?? 1, Math.min(to ?? allSteps, allSteps)];
        const fewest = metric.startsWith('validation') ? 2000 : 1;
        const every = Math.max(fewest, Math.ceil((last - first + 1) / (pixels * 4)));
        const at: number[] = [];
        for (let step = Math.ceil(first / every) * every; step <= last; step += every) at.push(step);
        versions.set(`${run} ${metric}`, 1);
        const header = {
          run,
          metric,
          x,
          version: 1,
          total: last - first + 1,
          points: at.length,
          bucket: every,
          smoothing: null,
        };
        window.postMessage(
          { type: 'series', request: message.request, header, binary: pack(at, seedOf(run)) },
          '*',
        );
        answers++;
      }
      return answers;
    },
    append(step, every) {
      const deltas: object[] = [];
      const parts: Uint8Array[] = [];
      for (const [key, version] of versions) {
        const [run, metric] = key.split(' ') as [string, string];
        if (metric.startsWith('validation')) continue;
        versions.set(key, version + 1);
        const at = Array.from({ length: every }, (_, i) => step + i);
        deltas.push({
          ...{ run, metric, x: 'step', version: version + 1, follows: version, total: step, points: every },
          ...{ bucket: 1, reset: false, ends: { tokens: step, flops: step, time: step, share: 1 } },
        });
        parts.push(new Uint8Array(pack(at, seedOf(run))));
      }
      const binary = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
      let offset = 0;
      for (const part of parts) {
        binary.set(part, offset);
        offset += part.length;
      }
      window.postMessage({ type: 'points', deltas, binary: binary.buffer }, '*');
    },
  };
}

/** What happened since the last call. */
async function longTasks(page: Page): Promise<{ count: number; longest: number }> {
  return page.evaluate(() => {
    const { tasks } = (window as unknown as { bench: Bench }).bench;
    const all = tasks.splice(0);
    return { count: all.length, longest: Math.max(0, ...all) };
  });
}

/** Answers until the last chart was drawn; milliseconds until then. */
function settle(page: Page): Promise<number> {
  return page.evaluate(async () => {
    const { bench } = window as unknown as { bench: Bench };
    const charts = document.querySelector('.charts');
    const started = performance.now();
    let drawn = started;
    for (let quiet = 0; quiet < 12; quiet++) {
      if (bench.answer() > 0 || charts?.getAttribute('aria-busy') !== 'false') quiet = -1;
      else if (quiet === 0) drawn = performance.now();
      await new Promise((done) => requestAnimationFrame(done));
    }
    return Math.round(drawn - started);
  });
}

/** Wheel events, one a frame, and what the frames took. */
function gesture(page: Page, wheel: { deltaX?: number; deltaY?: number; ctrlKey?: boolean }) {
  return page.evaluate(async (change) => {
    const chart = document.querySelector('.panel.big .chart')!;
    const bounds = chart.getBoundingClientRect();
    const frame = () => new Promise<number>((done) => requestAnimationFrame(done));
    const times: number[] = [];
    for (let i = 0; i < 90; i++) {
      chart.dispatchEvent(
        new WheelEvent('wheel', {
          ...{ clientX: bounds.left + bounds.width * 0.6, clientY: bounds.top + 60, cancelable: true },
          ...change,
        }),
      );
      times.push(await frame());
    }
    const ended = performance.now();
    const gone = () => document.querySelectorAll('.moving:not([hidden])').length === 0;
    while (!gone()) await frame();
    const exact = performance.now() - ended;
    const gaps = times.slice(1).map((time, i) => time - times[i]!);
    gaps.sort((a, b) => a - b);
    return {
      framesPerSecond: Math.round((1000 * gaps.length) / (times.at(-1)! - times[0]!)),
      slowestFrame: Math.round(gaps.at(-1)!),
      exactAfter: Math.round(exact),
    };
  }, wheel);
}

async function arriving(page: Page): Promise<object> {
  const started = Date.now();
  const series = count * 4;
  const every = 1;
  const pause = (1000 * series * every) / rate;
  const heap = (): Promise<number> =>
    page.evaluate(
      () => (performance as unknown as { memory: { usedJSHeapSize: number } }).memory.usedJSHeapSize,
    );
  const before = await heap();
  await page.evaluate(() => {
    (window as unknown as { drawn: unknown[] }).drawn.length = 0;
  });
  const sent = await page.evaluate(
    async ([first, seconds, wait, points]) => {
      const { bench } = window as unknown as { bench: Bench };
      const begun = performance.now();
      let step = first! + 1;
      let messages = 0;
      while (performance.now() - begun < seconds! * 1000) {
        bench.append(step, points!);
        bench.answer();
        step += points!;
        messages++;
        await new Promise((done) =>
          setTimeout(done, Math.max(0, begun + messages * wait! - performance.now())),
        );
      }
      return messages;
    },
    [steps, live, pause, every],
  );
  const seconds = (Date.now() - started) / 1000;
  const draws = await page.evaluate(() => {
    const drawn = (window as unknown as { drawn: { metric: string; time: number }[] }).drawn;
    return new Set(drawn.map((each) => `${each.metric} ${each.time}`)).size;
  });
  return {
    pointsPerSecond: Math.round((sent * series * every) / seconds),
    drawsPerChartAndSecond: Number((draws / 4 / seconds).toFixed(2)),
    heapMegabytes: [before, await heap()].map((bytes) => Math.round(bytes / 1e6)),
  };
}

const host = await PageHost.start();
try {
  const { page, problems } = await host.open('curves', 'dark', 1200, 900);
  const runs = Array.from({ length: count }, (_, i) =>
    fakeRun(i + 1, `210m-run-${i + 1}`, { step: steps, totalSteps: steps, setup: `${Math.floor(i / 5)}` }),
  );
  await page.evaluate(install, steps);
  const opened = page.evaluate((message) => window.postMessage(message, '*'), {
    type: 'snapshot',
    runs,
    state: emptyState(runs),
  });
  await opened;
  const result: Record<string, object> = {
    machine: {
      cpu: os.cpus()[0]?.model ?? 'unknown',
      cores: os.cpus().length,
      load: os.loadavg()[0]!.toFixed(1),
      drawing: 'software',
      runs: count,
      charts: 4,
    },
  };
  result.open = { milliseconds: await settle(page), tasks: await longTasks(page) };
  result.zoom = { ...(await gesture(page, { deltaY: -6, ctrlKey: true })), tasks: await longTasks(page) };
  result.finer = { milliseconds: await settle(page), tasks: await longTasks(page) };
  result.pan = { ...(await gesture(page, { deltaX: 8 })), tasks: await longTasks(page) };
  await settle(page);
  const box = (await page.locator('.panel.big .chart').boundingBox())!;
  for (let i = 0; i < 60; i++) await page.mouse.move(box.x + 60 + i * 15, box.y + 80);
  result.hover = { tasks: await longTasks(page) };
  await page.mouse.move(5, 5);
  await page.keyboard.press('0');
  await settle(page);
  await longTasks(page);
  result.arriving = { ...(await arriving(page)), tasks: await longTasks(page) };
  if (problems.length > 0) result.problems = problems;
  console.log(JSON.stringify(result, null, 2));
} finally {
  await host.stop();
}
