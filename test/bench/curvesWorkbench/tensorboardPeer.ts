/// <reference lib="dom" />
// TensorBoard with the runs that our exporter wrote, in the same browser: time until its charts show all runs, points a tag.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openWindow } from '../../support/controlWindow.ts';
import { tensorboardPython } from '../../support/tensorboardPython.ts';
import type { Workbench } from '../../support/workbenchBrowser.ts';
import type { RecordedRun } from './recordedRuns.ts';

const patienceMs = 600_000;
const repeats = 5;
/** All cards are in view: TensorBoard loads no others. */
const viewport = { width: 1400, height: 2400 };

export async function measureTensorboard(
  workbench: Workbench,
  runs: readonly RecordedRun[],
  metrics: readonly string[],
  row: (measured: string, result: string, goal?: string) => void,
): Promise<void> {
  const python = tensorboardPython();
  if (!python) {
    row('TensorBoard', 'not measured: it cannot be installed here');
    return;
  }
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'biphase-tensorboard-'));
  const ended: (() => void)[] = [() => fs.rmSync(folder, { recursive: true, force: true })];
  try {
    const connection = await openWindow(workbench.person);
    let began = performance.now();
    await connection.call('exportRuns', {
      ...{ transfer: 'bench', runs: runs.map(({ run }) => run), format: 'tensorboard', folder },
      replace: true,
    });
    connection.dispose();
    row('exported as event files', seconds(performance.now() - began));
    began = performance.now();
    const { address, version, end } = await startTensorboard(python, folder);
    ended.push(end);
    await untilLoaded(address, runs, metrics);
    row(`TensorBoard ${version}: start → everything read`, seconds(performance.now() - began));
    const times: number[] = [];
    let points = '';
    for (let i = 0; i < repeats; i++) {
      const page = await workbench.browser.newPage();
      await page.setViewportSize(viewport);
      const seen = new Map<string, number[]>();
      let last = 0;
      page.on('response', async (response) => {
        if (!response.url().includes('/timeSeries')) return;
        const found = (await response.json().catch(() => [])) as {
          tag: string;
          runToSeries?: Record<string, unknown[]>;
        }[];
        for (const { tag, runToSeries = {} } of found)
          seen.set(tag, [
            ...(seen.get(tag) ?? []),
            ...Object.values(runToSeries).map((series) => series.length),
          ]);
        last = Date.now();
      });
      const start = Date.now();
      await page.goto(`${address}#timeseries`);
      const all = (): boolean =>
        [...seen.values()].filter((series) => series.length >= runs.length).length >= metrics.length;
      for (const deadline = Date.now() + 60_000; !all() && Date.now() < deadline; ) await sleep(10);
      // Its charts are drawn by a worker: this is when their cards no longer wait, and two frames have passed.
      await page.waitForFunction(() => document.querySelectorAll('card-view mat-spinner').length === 0);
      await page.evaluate(
        () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))),
      );
      times.push(Math.max(Date.now(), last) - start);
      points = [...seen].map(([tag, series]) => `${tag} ${Math.max(...series)}`).join(', ');
      if (!all()) points += ' (not all runs came)';
      await page.screenshot({ path: 'test-results/screenshots/bench-tensorboard.png' });
      await page.close();
    }
    times.sort((a, b) => a - b);
    row(
      `TensorBoard: page asked for → data of all runs there and cards drawn, median of ${repeats}`,
      seconds(times[Math.floor(repeats / 2)]!),
    );
    row('TensorBoard: points it has of a run, by tag', points, `all ${runs[0]!.step}`);
  } finally {
    for (const end of ended.reverse()) end();
  }
}

async function startTensorboard(
  python: string,
  folder: string,
): Promise<{ address: string; version: string; end: () => void }> {
  const child = spawn(
    python,
    ['-m', 'tensorboard.main', '--logdir', folder, '--port', '0', '--host', '127.0.0.1'],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
    },
  );
  let said = '';
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`TensorBoard ended (${code}): ${said.slice(-2000)}`)));
    child.stderr.on('data', (bytes: Buffer) => {
      said += bytes;
      const found = /TensorBoard (\S+) at (http:\/\/\S+\/)/.exec(said);
      if (found)
        resolve({
          address: found[2]!,
          version: found[1]!,
          end: () => {
            child.removeAllListeners('exit');
            // Its reader is a process of its own.
            process.kill(-child.pid!, 'SIGTERM');
          },
        });
    });
  });
}

async function untilLoaded(
  address: string,
  runs: readonly RecordedRun[],
  metrics: readonly string[],
): Promise<void> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    const names = (await (await fetch(`${address}data/runs`)).json()) as string[];
    let whole = names.length >= runs.length;
    for (const name of names) {
      if (!whole) break;
      for (const metric of metrics) {
        const query = new URLSearchParams({ run: name, tag: metric });
        const answer = await fetch(`${address}data/plugin/scalars/scalars?${query}`);
        const points = answer.ok
          ? ((await answer.json()) as [time: number, step: number, value: number][])
          : [];
        if ((points.at(-1)?.[1] ?? 0) < Math.min(...runs.map(({ step }) => step))) whole = false;
      }
    }
    if (whole) return;
    if (Date.now() > deadline) throw new Error('TensorBoard does not read everything.');
    await sleep(200);
  }
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}
