import { philox } from '../../src/core/philox.ts';

/** How long the first sleep of each kind lasts in the long run; 0: as long as the others. */
export const longSleepMinutes = process.env.BIPHASE_TEST_LONG === '1' ? 2 : 0;

/** What can happen to a node, to its connection, to what runs there, and to control. */
export const faultKinds = [
  /** The link is reset. */
  'link reset',
  /** The link is closed in order. */
  'link closed',
  /** Nothing moves for less than the patience of the keepalive. */
  'short stall',
  /** Nothing moves until control gives the link up. */
  'long stall',
  /** The link is reset, and so are some attempts after it. */
  'refused',
  /** The server and its sessions are killed; it comes back. */
  'sshd killed',
  'agent killed',
  /** The link is reset, and what control starts next on the node is killed while it prepares. */
  'preparation killed',
  'control killed',
  /** One run's wrapper: the trainer goes on. */
  'wrapper killed',
  /** One run's trainer: it has failed, and resumes. */
  'trainer killed',
  /** One run's wrapper and trainer: it is lost, and resumes. */
  'run killed',
  /** This computer sleeps, and the links are there when it wakes. */
  'control sleeps',
  /** This computer sleeps; the network has forgotten its links meanwhile. */
  'control sleeps, links forgotten',
  /** The node sleeps. */
  'agent sleeps',
  'both sleep',
  /** All processes of the node are killed; its boot id changes, and its old process numbers are other programs'. */
  'node restarted',
] as const;
export type FaultKind = (typeof faultKinds)[number];

export interface Fault {
  kind: FaultKind;
  /** Which node, and which of its runs, as fractions 0…1 of how many there are. */
  node: number;
  run: number;
  /** How long or how often, 0…1. */
  extent: number;
  /** A launch is under way when it strikes; it strikes so many milliseconds after it. */
  launchBefore: number | null;
}

/** `count` faults from a seed: each kind as often as the others, in random order. */
export function planFaults(seed: number, count: number): Fault[] {
  const kinds: FaultKind[] = [];
  for (let round = 0; kinds.length < count; round++) {
    const deck = faultKinds.map((kind, i) => ({ kind, place: fraction(seed, 1, round, i) }));
    deck.sort((a, b) => a.place - b.place);
    kinds.push(...deck.map(({ kind }) => kind));
  }
  return kinds.slice(0, count).map((kind, i) => ({
    kind,
    node: fraction(seed, 2, i, 0),
    run: fraction(seed, 2, i, 1),
    extent: fraction(seed, 2, i, 2),
    launchBefore: fraction(seed, 3, i, 0) < 0.3 ? fraction(seed, 3, i, 1) * 400 : null,
  }));
}

function fraction(seed: number, stream: number, index: number, part: number): number {
  return philox([seed, stream], [index, part, 0, 0])[0] / 2 ** 32;
}
