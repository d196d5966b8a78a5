import { FirstHeap } from './firstHeap.ts';

/** What a decision about a node needs to know. */
export interface NodeLoad {
  name: string;
  /** Of its root, which nodes may share; undefined where it is not known. */
  rootId?: string | undefined;
  /** How many runs it takes at once. */
  slots: number;
  /** Runs at work there. */
  busy: number;
  /** Runs in its queue. */
  waiting: number;
  /** Connected, and its queue starts runs. */
  accepts: boolean;
}

/** A waiting run that need not stay where it is. Reports are such: a decision makes nothing new of thousands of them. */
export interface MovableJob {
  run: string;
  queue: {
    priority: number;
    submittedAt: number;
    /** Names of all nodes that may run it. */
    nodes: readonly string[];
  };
}

export interface DonorLoad extends NodeLoad {
  /** Asked only where something may move: most decisions end before. The array is the asker's. */
  movable: () => MovableJob[];
  /** It has just refused a run: nothing is moved there for now. */
  rests?: boolean;
  /** Whether it has refused that run before. */
  refuses?: (run: string) => boolean;
}

export interface Move {
  run: string;
  from: string;
  to: string;
}

/**
 * The order in which runs are offered a slot: higher priority first, then who came earlier. The whole of a queue's
 * fairness: nothing overtakes, so nothing of the same priority starves.
 */
export function startsBefore(a: { run: string } & Place, b: { run: string } & Place): number {
  return placesInOrder(a, b) || (a.run < b.run ? -1 : 1);
}

function jobStartsBefore(a: MovableJob, b: MovableJob): number {
  return placesInOrder(a.queue, b.queue) || (a.run < b.run ? -1 : 1);
}

interface Place {
  priority: number;
  submittedAt: number;
}

function placesInOrder(a: Place, b: Place): number {
  return b.priority - a.priority || a.submittedAt - b.submittedAt;
}

/**
 * A node for each of `count` new runs, in their order: each goes where the fewest runs a slot are, which for runs of equal
 * length is where it starts first. Nodes that accept nothing get nothing, unless no node accepts.
 */
export function placeJobs(count: number, nodes: readonly NodeLoad[]): string[] {
  if (nodes.length === 0) return [];
  const accepting = nodes.filter(({ accepts }) => accepts);
  const loads = (accepting.length > 0 ? accepting : nodes).map((node) => ({
    name: node.name,
    slots: Math.max(1, node.slots),
    runs: node.busy + node.waiting,
  }));
  return Array.from({ length: count }, () => {
    let best = loads[0]!;
    for (const load of loads) if ((load.runs + 1) / load.slots < (best.runs + 1) / best.slots) best = load;
    best.runs++;
    return best.name;
  });
}

/**
 * Which waiting runs go to another node: one for each slot that would stay empty while others wait elsewhere. A run moves
 * only to a node that may run it, from the node with the longest wait, first who would have started first. Nothing moves
 * where its own node is about to start it, nor within a root that nodes share: the run's directory is there already; nor
 * where it was refused.
 */
export function planMoves(nodes: readonly DonorLoad[]): Move[] {
  const idle = nodes
    .filter(({ accepts, rests }) => accepts && rests !== true)
    .map((node) => ({ node, free: node.slots - node.busy - node.waiting }))
    .filter(({ free }) => free > 0);
  if (idle.length === 0) return [];
  const donors = nodes
    .map(
      (node): Donor => ({
        node,
        backlog: node.waiting - (node.accepts ? Math.max(0, node.slots - node.busy) : 0),
        left: undefined,
        unfit: [],
      }),
    )
    .filter(({ backlog }) => backlog > 0);
  const moves: Move[] = [];
  for (const target of idle) {
    while (target.free > 0) {
      const move = takeFor(target.node, donors);
      if (!move) break;
      moves.push(move);
      target.free--;
    }
    for (const { left, unfit } of donors) for (const job of unfit.splice(0)) left?.push(job);
  }
  return moves;
}

interface Donor {
  node: DonorLoad;
  /** Runs beyond those that its own free slots will take. */
  backlog: number;
  /** Once it was asked for: most nodes never are. */
  left: FirstHeap<MovableJob> | undefined;
  /** What the present target cannot have, of those that were looked at. */
  unfit: MovableJob[];
}

function takeFor({ name: to, rootId, refuses }: DonorLoad, donors: Donor[]): Move | null {
  const byWait = donors
    .filter(({ node, backlog }) => backlog > 0 && node.name !== to)
    .filter(({ node }) => rootId === undefined || node.rootId !== rootId)
    .sort((a, b) => b.backlog / b.node.slots - a.backlog / a.node.slots);
  for (const donor of byWait) {
    donor.left ??= new FirstHeap(donor.node.movable(), jobStartsBefore);
    for (let job = donor.left.pop(); job; job = donor.left.pop()) {
      if (job.queue.nodes.includes(to) && refuses?.(job.run) !== true) {
        donor.backlog--;
        return { run: job.run, from: donor.node.name, to };
      }
      donor.unfit.push(job);
    }
  }
  return null;
}
