import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { BiphaseError } from '../core/errors.ts';
import { runFiles, type Spec, specSchema } from '../protocol/runDirectory.ts';
import { createWhole, hasCode, readJson, readTail } from './files.ts';

/** Name of a run's directory before it is whole; what a crash leaves of it is cleaned up. */
export const isUnclaimed = (name: string): boolean => /^\.claim-.*\.stage$/.test(name);

const longestTicket = 100;

/** With what a run enters a queue: the name of its job there, and the move by which it came, if any. */
export interface Ticket {
  name: string;
  move?: string | undefined;
}

/**
 * Makes the run's directory with its spec in one step, or nothing at all; it may be there already from an earlier call
 * with the same spec. `ticket`: of the queue. Answers with the ticket that counts, which is that of the first who claimed
 * the run for a queue.
 * @throws BiphaseError `refused` where the run is there with another spec, or something else has its place
 */
export function claimRun(directory: string, spec: Spec): void;
export function claimRun(directory: string, spec: Spec, ticket: Ticket): Ticket;
export function claimRun(directory: string, spec: Spec, ticket?: Ticket): Ticket | undefined {
  const found = fs.lstatSync(directory, { throwIfNoEntry: false });
  if (!found && makeWhole(directory, spec, ticket)) return ticket;
  if (!fs.lstatSync(directory, { throwIfNoEntry: false })?.isDirectory())
    throw new BiphaseError('refused', `The place of run ${spec.id} is taken by something else.`);
  // Older versions made the directory first: one of them may have died before it wrote the spec.
  const file = path.join(directory, runFiles.spec);
  if (!createWhole(file, specText(spec)) && !isDeepStrictEqual(readJson(file, specSchema), asRead(spec)))
    throw new BiphaseError('refused', `Run ${spec.id} exists already with another spec.`);
  if (ticket === undefined) return undefined;
  createWhole(path.join(directory, runFiles.ticket), ticketText(ticket));
  return ticketOf(directory) ?? ticket;
}

/** The ticket with which a run enters a queue; null where it was claimed for none. */
export function ticketOf(directory: string): Ticket | null {
  const [name = '', move] = readTail(path.join(directory, runFiles.ticket), longestTicket).trim().split(' ');
  return name === '' ? null : { name, move };
}

function ticketText({ name, move }: Ticket): string {
  return `${name}${move === undefined ? '' : ` ${move}`}\n`;
}

/** False where somebody else was quicker. */
function makeWhole(directory: string, spec: Spec, ticket: Ticket | undefined): boolean {
  const stage = path.join(
    path.dirname(directory),
    `.claim-${spec.id}-${randomBytes(4).toString('hex')}.stage`,
  );
  try {
    fs.mkdirSync(stage, { mode: 0o700 });
    createWhole(path.join(stage, runFiles.spec), specText(spec));
    if (ticket !== undefined) createWhole(path.join(stage, runFiles.ticket), ticketText(ticket));
    // It takes no place but that of an empty folder, which an older version may have left.
    fs.renameSync(stage, directory);
    return true;
  } catch (thrown) {
    fs.rmSync(stage, { recursive: true, force: true });
    if (hasCode(thrown, 'EEXIST', 'ENOTEMPTY', 'ENOTDIR')) return false;
    throw thrown;
  }
}

function specText(spec: Spec): string {
  return `${JSON.stringify(spec, null, 2)}\n`;
}

function asRead(spec: Spec): Spec {
  return specSchema.parse(JSON.parse(JSON.stringify(spec)));
}
