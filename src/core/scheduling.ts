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

/** A waiting run that need not stay where it is. */
export interface MovableJob {
  run: string;
  priority: number;
  submittedAt: number;
  /** Names of all nodes that may run it. */
  nodes: readonly string[];
}

export interface DonorLoad extends NodeLoad {
  /** Asked only where something may move: most decisions end before. */
  movable: () => readonly MovableJob[];
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
export function startsBefore(
  a: { run: string; priority: number; submittedAt: number },
  b: { run: string; priority: number; submittedAt: number },
): number {
  return b.priority - a.priority || a.submittedAt - b.submittedAt || (a.run < b.run ? -1 : 1);
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
    .map((node) => ({
      node,
      backlog: node.waiting - (node.accepts ? Math.max(0, node.slots - node.busy) : 0),
      left: undefined as MovableJob[] | undefined,
    }))
    .filter(({ backlog }) => backlog > 0);
  const moves: Move[] = [];
  for (const target of idle) {
    while (target.free > 0) {
      const move = takeFor(target.node, donors);
      if (!move) break;
      moves.push(move);
      target.free--;
    }
  }
  return moves;
}

interface Donor {
  node: DonorLoad;
  /** Runs beyond those that its own free slots will take. */
  backlog: number;
  /** In order, once it was asked for: most nodes never are. */
  left: MovableJob[] | undefined;
}

function takeFor({ name: to, rootId, refuses }: DonorLoad, donors: Donor[]): Move | null {
  const byWait = donors
    .filter(({ node, backlog }) => backlog > 0 && node.name !== to)
    .filter(({ node }) => rootId === undefined || node.rootId !== rootId)
    .sort((a, b) => b.backlog / b.node.slots - a.backlog / a.node.slots);
  for (const donor of byWait) {
    donor.left ??= donor.node.movable().toSorted(startsBefore);
    const index = donor.left.findIndex(({ run, nodes }) => nodes.includes(to) && refuses?.(run) !== true);
    if (index < 0) continue;
    const [job] = donor.left.splice(index, 1);
    donor.backlog--;
    return { run: job!.run, from: donor.node.name, to };
  }
  return null;
}
