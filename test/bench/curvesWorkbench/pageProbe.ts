/// <reference lib="dom" />
// What a window tells of itself while it is measured: what its pages drew, its long tasks, frames of a gesture.
import fs from 'node:fs';
import path from 'node:path';
import type { BrowserContext, CDPSession, Frame, Page } from 'playwright-core';

/** One curve in one drawing. Unix milliseconds; `shown`: the frame of the drawing has ended. */
export interface Drawn {
  run: string;
  metric: string;
  lastStep: number;
  time: number;
  /** The whole chart was drawn; false: its lines were extended. */
  redrawn: boolean;
  shown: number;
}

interface Probe {
  drawn: Drawn[];
  /** Start by the clock, and duration, in milliseconds. */
  tasks: [start: number, duration: number][];
  /** When Enter was pressed last, Unix milliseconds. */
  pressed: number;
}

interface Probed {
  probe?: Probe;
}

/** Puts the probe into every frame that this browser opens from now on. */
export async function probeFrames(context: BrowserContext): Promise<void> {
  await context.addInitScript(() => {
    const probe: Probe = { drawn: [], tasks: [], pressed: 0 };
    (globalThis as Probed).probe = probe;
    let fresh: Drawn[] = [];
    // A webview writes its document anew, which takes listeners away; what is dispatched is seen here whoever listens.
    const dispatch = EventTarget.prototype.dispatchEvent;
    EventTarget.prototype.dispatchEvent = function (event) {
      if (event.type === 'biphase-drawn') {
        if (fresh.length === 0)
          requestAnimationFrame(() => {
            const shown = Date.now();
            for (const each of fresh) probe.drawn.push({ ...each, shown });
            fresh = [];
          });
        fresh.push((event as CustomEvent<Drawn>).detail);
      }
      return dispatch.call(this, event);
    };
    window.addEventListener(
      'keydown',
      (event) => {
        if (event.key === 'Enter') probe.pressed = Date.now();
      },
      true,
    );
    new PerformanceObserver((list) => {
      for (const { startTime, duration } of list.getEntries())
        probe.tasks.push([performance.timeOrigin + startTime, duration]);
    }).observe({ type: 'longtask' });
  });
}

/** When Enter was pressed last in the window itself. */
export function pressedAt(page: Page): Promise<number> {
  return page.evaluate(() => (globalThis as Probed).probe!.pressed);
}

/** Takes what a frame drew since the last call. */
export function takeDrawn(frame: Frame): Promise<Drawn[]> {
  return frame.evaluate(() => (globalThis as Probed).probe?.drawn.splice(0) ?? []);
}

/** Takes the tasks over 50 ms since the last call, those of all frames once each; milliseconds by the clock. */
export async function takeLongTasks(page: Page): Promise<number[]> {
  const found = new Map<number, number>();
  for (const frame of page.frames()) {
    const tasks = await frame
      .evaluate(() => (globalThis as Probed).probe?.tasks.splice(0) ?? [])
      .catch(() => []);
    for (const [start, duration] of tasks) found.set(Math.round(start / 2), duration);
  }
  return [...found.values()];
}

/** The frame that drew all `curves`, once it has, and when the last of them was shown. Takes what was drawn. */
export async function untilAllDrawn(
  page: Page,
  curves: number,
  frames: () => readonly Frame[] = () => page.frames(),
): Promise<{ frame: Frame; shown: number; drawings: number }> {
  const seen = new Map<Frame, { firsts: Map<string, number>; drawings: Set<string> }>();
  for (const deadline = Date.now() + 120_000; ; ) {
    for (const frame of frames()) {
      const mine = seen.get(frame) ?? { firsts: new Map(), drawings: new Set() };
      seen.set(frame, mine);
      for (const { run, metric, shown, time } of await takeDrawn(frame).catch(() => [])) {
        mine.drawings.add(`${metric} ${time}`);
        const key = `${run} ${metric}`;
        if (!mine.firsts.has(key)) mine.firsts.set(key, shown);
      }
      if (mine.firsts.size >= curves)
        return { frame, shown: Math.max(...mine.firsts.values()), drawings: mine.drawings.size };
    }
    if (Date.now() > deadline)
      throw new Error(
        `${Math.max(0, ...[...seen.values()].map(({ firsts }) => firsts.size))} of ${curves} curves were drawn.`,
      );
    await page.waitForTimeout(25);
  }
}

export interface Gesture {
  framesPerSecond: number;
  slowestFrame: number;
  /** Unix milliseconds of the last move. */
  ended: number;
  /** From there until no moved picture was left. */
  exactAfter: number;
}

/** Turns the wheel over the big chart, once a frame. */
export function gesture(
  frame: Frame,
  wheel: { deltaX?: number; deltaY?: number; ctrlKey?: boolean },
): Promise<Gesture> {
  return frame.evaluate(async (change) => {
    const chart = document.querySelector('.panel.big .chart')!;
    const bounds = chart.getBoundingClientRect();
    const nextFrame = () => new Promise<number>((done) => requestAnimationFrame(done));
    const times: number[] = [];
    for (let i = 0; i < 120; i++) {
      chart.dispatchEvent(
        new WheelEvent('wheel', {
          ...{ clientX: bounds.left + bounds.width * 0.6, clientY: bounds.top + 60, cancelable: true },
          ...change,
        }),
      );
      times.push(await nextFrame());
    }
    const ended = Date.now();
    while (document.querySelectorAll('.moving:not([hidden])').length > 0) await nextFrame();
    await nextFrame();
    const exactAfter = Date.now() - ended;
    const gaps = times.slice(1).map((time, i) => time - times[i]!);
    return {
      framesPerSecond: (1000 * gaps.length) / (times.at(-1)! - times[0]!),
      slowestFrame: Math.max(...gaps),
      ended,
      exactAfter,
    };
  }, wheel);
}

/** Bytes of the heap that are in use by all pages of the window, after a collection. */
export async function heapInUse(session: CDPSession): Promise<number> {
  await session.send('HeapProfiler.collectGarbage');
  return (await session.send('Runtime.getHeapUsage')).usedSize;
}

/** Does something; with a folder its CPU profile is kept there. */
export async function profiled<T>(
  session: CDPSession,
  folder: string | undefined,
  name: string,
  work: () => Promise<T>,
): Promise<T> {
  if (folder === undefined) return work();
  await session.send('Profiler.enable');
  await session.send('Profiler.setSamplingInterval', { interval: 500 });
  await session.send('Profiler.start');
  const done = await work();
  const { profile } = await session.send('Profiler.stop');
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, `${name}.cpuprofile`), JSON.stringify(profile));
  return done;
}

/** Tasks of the window's main thread in these seconds: the longest by the clock, and by its own processor time, in ms. */
export async function tracedTasks(
  context: BrowserContext,
  page: Page,
  work: () => Promise<void>,
): Promise<{ clock: number; own: number }> {
  const browser = context.browser();
  if (!browser) return { clock: Number.NaN, own: Number.NaN };
  await browser.startTracing(page, {
    categories: ['toplevel', 'disabled-by-default-devtools.timeline', '__metadata'],
  });
  await work();
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString()) as {
    traceEvents: {
      name: string;
      pid: number;
      tid: number;
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
  let [clock, own] = [0, 0];
  for (const { name, pid, tid, dur = 0, tdur = 0 } of traceEvents)
    if (name === 'RunTask' && mains.has(`${pid} ${tid}`))
      [clock, own] = [Math.max(clock, dur / 1000), Math.max(own, tdur / 1000)];
  return { clock, own };
}
