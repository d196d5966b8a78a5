/** The first bytes of the engine's memory, by which the calling thread and its workers understand each other. */
export const CONTROL = {
  /** 32-bit words: counts up with every op; a worker that sees a new number takes part. */
  sequence: 0,
  /** The next tile that nobody has taken. */
  nextTile: 16,
  /** Workers that have found no more tiles. */
  done: 32,
  kernel: 48,
  tiles: 49,
  /** 1: workers end. */
  quit: 50,
  /** 1: a kernel threw in a worker; the calling thread, which waits and hears no event, must still go on. */
  failed: 51,
} as const;

/** Words of arguments of one op, from this word on. */
export const ARGUMENTS_WORD = 64;
export const ARGUMENTS_BYTES = ARGUMENTS_WORD * 4;
/** Doubles of arguments of one op of the host's kernels, in the same place. */
export const HOST_ARGUMENTS = 32;
/** Where tensors may begin; the kernels' own constants lie before it, from byte 512 on. */
export const CONTROL_BYTES = 1024;

/** Takes tiles of the current op until none is left. The order of taking is free: no tile's result depends on it. */
export function takeTiles(
  control: Int32Array,
  kernel: (args: number, tile: number, scratch: number) => void,
  tiles: number,
  scratch: number,
): void {
  for (;;) {
    const tile = Atomics.add(control, CONTROL.nextTile, 1);
    if (tile >= tiles) return;
    kernel(ARGUMENTS_BYTES, tile, scratch);
  }
}
