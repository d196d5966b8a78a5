// The processes behind a window: what they hold in memory and how long they computed (Linux).
import fs from 'node:fs';
import { processesOf } from '../../support/privateHome.ts';
import type { Workbench } from '../../support/workbenchBrowser.ts';

export type Part = 'page' | 'extension host' | 'control';
export const parts: readonly Part[] = ['page', 'extension host', 'control'];

export type Pids = Record<Part, number[]>;

/** Of the page: all renderers of that browser, which sets their environment aside. */
export async function pidsOf(workbench: Workbench): Promise<Pids> {
  const session = await workbench.browser.browser()?.newBrowserCDPSession();
  const { processInfo = [] } = (await session?.send('SystemInfo.getProcessInfo')) ?? {};
  await session?.detach();
  return {
    page: processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => id),
    'extension host': workbench.server.extensionHosts(),
    control: processesOf(workbench.person)
      .filter(({ command }) => command.includes('control.mjs'))
      .map(({ pid }) => pid),
  };
}

/** Resident bytes of these processes together. */
export function residentBytes(pids: readonly number[]): number {
  return sum(pids, (pid) => {
    const line = /^VmRSS:\s+(\d+) kB/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'));
    return Number(line?.[1] ?? 0) * 1024;
  });
}

/** Processor time of these processes together so far, in ms; the system counts in steps of 10. */
export function processorMs(pids: readonly number[]): number {
  return sum(pids, (pid) => {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10;
  });
}

function sum(pids: readonly number[], of: (pid: number) => number): number {
  return pids.reduce((total, pid) => {
    try {
      return total + of(pid);
    } catch {
      return total; // ended
    }
  }, 0);
}
