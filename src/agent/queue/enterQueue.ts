import { BiphaseError } from '../../core/errors.ts';
import type { QueueWish } from '../../protocol/queue.ts';
import type { Spec } from '../../protocol/runDirectory.ts';
import { claimRun, type Ticket, ticketOf } from '../claimRun.ts';
import { isPlainFolder, type NodeRoot } from '../nodeRoot.ts';
import type { ProcessTable } from '../processTable.ts';
import { putAside } from '../space/putAside.ts';
import { removeTree } from '../space/removeTree.ts';
import { newestSegment } from '../wrapper/newestSegment.ts';
import { segmentLockHeld } from '../wrapper/segmentLock.ts';
import { newJob, type Waiting } from './enqueue.ts';
import { MoveMarks } from './moveMarks.ts';
import { allQueues, type JobStatus, type QueueFolder, queueWith } from './queueFolder.ts';

export interface Entrance {
  root: NodeRoot;
  queue: QueueFolder;
  wish: QueueWish;
  waiting: Waiting;
  /** By which it comes from another root. */
  move?: string | undefined;
}

/**
 * Claims a run and puts it into the queue, once, however often, by however many processes and after whatever crash it is
 * asked: first the ticket, then the run's directory with the ticket's name, which one process makes; then the mark of its
 * move, where it comes by one; then the ticket is redeemed by a rename, which one process makes. Each step that was made
 * before is found made. False where the run is in the queue, has begun, or has been here before by this move.
 * @throws BiphaseError `refused` where the run is there with another spec, the move was given up, or the run leaves here
 */
export function enterQueue(spec: Spec, { root, queue, wish, waiting, move }: Entrance): boolean {
  const run = spec.id;
  const directory = root.runDirectory(run);
  const marks = new MoveMarks(root.queues);
  const decided = move === undefined ? null : marks.outcome(run, move);
  if (decided === 'refused') throw givenUp(run);
  if (!isPlainFolder(directory)) {
    // It has gone on to another node since, or was deleted.
    if (decided === 'arrived') return false;
    forgetLeft(root, run);
  }
  if (move !== undefined && decided === null && statusIn(root, run, queue) === 'moving')
    throw new BiphaseError('refused', `Run ${run} is just leaving this node.`);
  const own = { name: queue.writeTicket(newJob(run, wish, waiting)), move };
  let ticket: Ticket | null = null;
  try {
    ticket = decided === 'arrived' ? ticketOf(directory) : claimRun(directory, spec, own);
  } finally {
    if (ticket?.name !== own.name) queue.burn(run, own.name);
  }
  if (move !== undefined && marks.arrive(run, move) === 'refused') throw givenUp(run);
  const waits = statusIn(root, run, queue) !== null;
  // In this order: a run that has left the queue has begun.
  if (newestSegment(directory) >= 0 || waits || ticket === null) return false;
  const { name } = ticket;
  const redeemed = [queue, ...allQueues(root.queues)].some((writer) => queue.redeem(run, name, writer));
  if (redeemed || statusIn(root, run, queue) !== null || newestSegment(directory) >= 0) return redeemed;
  throw new BiphaseError('refused', `Run ${run} was claimed here and never started.`, {
    next: 'Resume it, or delete it and launch it again.',
  });
}

/**
 * From now on the run does not arrive by this move: what a launch that was cut off has left is removed. True where it
 * has arrived.
 */
export async function refuseArrival(
  root: NodeRoot,
  queue: QueueFolder,
  table: ProcessTable,
  run: string,
  move: string,
): Promise<boolean> {
  if (new MoveMarks(root.queues).refuse(run, move) === 'arrived') return true;
  const directory = root.runDirectory(run);
  const ticket = isPlainFolder(directory) ? ticketOf(directory) : null;
  if (ticket?.move !== move) return false;
  for (const writer of [queue, ...allQueues(root.queues)]) writer.burn(run, ticket.name);
  // In this order: a run that has left the queue has begun.
  if (statusIn(root, run, queue) !== null || newestSegment(directory) >= 0) return false;
  if (!segmentLockHeld(directory, 0, table)) await removeTree(putAside(directory, root.runs));
  return false;
}

/** A job whose run has gone from here, as a process that died meanwhile left it. */
function forgetLeft(root: NodeRoot, run: string): void {
  for (const queue of allQueues(root.queues)) queue.remove(run, 'moving');
}

function statusIn(root: NodeRoot, run: string, own: QueueFolder): JobStatus | null {
  // Twice: a job that is rewritten, or taken and given back, may hop over who looks.
  const look = (): JobStatus | null => queueWith(root.queues, run, own).statusOf(run);
  return look() ?? look();
}

function givenUp(run: string): BiphaseError {
  return new BiphaseError('refused', `Run ${run} was to come here, and the move was given up.`);
}
