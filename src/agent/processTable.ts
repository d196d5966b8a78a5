import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';

/** A process, so named that a later process with the same number is not taken for it. */
export interface ProcessIdentity {
  pid: number;
  startTime: string;
}

/** The processes of the machine that runs this code. */
export interface ProcessTable {
  readonly host: string;
  /** Changes with every start of the machine. */
  readonly bootId: string;
  /** When the process with this number began, in the system's own words; null when there is none that lives. */
  startTime(pid: number): string | null;
}

/** Whether exactly this process lives on this machine since this boot. */
export function livesHere(
  table: ProcessTable,
  where: { host: string; bootId: string },
  process: ProcessIdentity,
): boolean {
  return (
    where.host === table.host &&
    where.bootId === table.bootId &&
    table.startTime(process.pid) === process.startTime
  );
}

/**
 * Field 22 (start time in clock ticks since boot) of /proc/PID/stat; null for a zombie, which computes nothing.
 * The second field is the program's name in brackets and may hold spaces and brackets itself.
 */
export function parseProcStat(text: string): string | null {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  if (fields[0] === 'Z' || fields[0] === 'X') return null;
  return fields[19] ?? null;
}

/** Field 6 of /proc/PID/stat: the number of the process that leads its session. */
export function parseSession(text: string): number | null {
  const session = Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[3]);
  return Number.isInteger(session) && session > 0 ? session : null;
}

/** `ps -o state=,lstart=`: one letter and more, blanks, a date. */
export function parsePs(text: string): string | null {
  const match = /^\s*(\S+)\s+(\S.*?)\s*$/.exec(text);
  return match && !match[1]!.startsWith('Z') ? match[2]! : null;
}

const linux: ProcessTable = {
  host: os.hostname(),
  get bootId(): string {
    return fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  },
  startTime(pid: number): string | null {
    try {
      return parseProcStat(fs.readFileSync(`/proc/${pid}/stat`, 'utf8'));
    } catch {
      return null;
    }
  },
};

/** Systems without /proc: macOS. */
const withPs: ProcessTable = {
  host: os.hostname(),
  get bootId(): string {
    return execFileSync('/usr/sbin/sysctl', ['-n', 'kern.bootsessionuuid'], { encoding: 'utf8' }).trim();
  },
  startTime(pid: number): string | null {
    try {
      const environment = { ...process.env, LC_ALL: 'C', TZ: 'UTC' };
      return parsePs(
        execFileSync('/bin/ps', ['-o', 'state=,lstart=', '-p', String(pid)], {
          encoding: 'utf8',
          env: environment,
          stdio: ['ignore', 'pipe', 'ignore'],
        }),
      );
    } catch {
      return null;
    }
  },
};

export const thisMachine: ProcessTable = process.platform === 'linux' ? linux : withPs;

/** This process itself. */
export function ownIdentity(table: ProcessTable): ProcessIdentity {
  return { pid: process.pid, startTime: table.startTime(process.pid) ?? '' };
}
