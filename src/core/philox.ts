/**
 * Philox 4×32 with 10 rounds (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011): a random block is
 * a pure function of key and counter, so nothing has to be saved and any rank can compute any sample's numbers.
 */
const MULTIPLIER_0 = 0xd2511f53;
const MULTIPLIER_1 = 0xcd9e8d57;
const WEYL_0 = 0x9e3779b9;
const WEYL_1 = 0xbb67ae85;

export type PhiloxKey = readonly [number, number];
/** Four unsigned 32-bit words. */
export type PhiloxBlock = [number, number, number, number];

/** High 32 bits of the 64-bit product of two unsigned 32-bit numbers. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const low = aLow * bLow;
  const middle = aHigh * bLow + (low >>> 16);
  const middleLow = aLow * bHigh + (middle & 0xffff);
  return (aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(middleLow / 0x10000)) >>> 0;
}

/** The random block of a counter (four unsigned 32-bit words) under a key. */
export function philox(key: PhiloxKey, counter: readonly [number, number, number, number]): PhiloxBlock {
  const block = new Uint32Array(4);
  block.set(counter);
  encrypt(key, block);
  return [block[0]!, block[1]!, block[2]!, block[3]!];
}

/** Turns a counter into its random block, in place. */
function encrypt(key: PhiloxKey, block: Uint32Array): void {
  let c0 = block[0]!;
  let c1 = block[1]!;
  let c2 = block[2]!;
  let c3 = block[3]!;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(MULTIPLIER_0, c0);
    const low0 = Math.imul(MULTIPLIER_0, c0) >>> 0;
    const high1 = multiplyHigh(MULTIPLIER_1, c2);
    const low1 = Math.imul(MULTIPLIER_1, c2) >>> 0;
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0;
    k0 = (k0 + WEYL_0) >>> 0;
    k1 = (k1 + WEYL_1) >>> 0;
  }
  block[0] = c0;
  block[1] = c1;
  block[2] = c2;
  block[3] = c3;
}

/** A key from a seed and a stream's name ("mask", "order", a parameter's name): streams are independent. */
export function philoxKey(seed: number, stream: string): PhiloxKey {
  // The name is absorbed four UTF-16 units at a time by the cipher itself; the seed is the first key.
  let key: PhiloxKey = [seed >>> 0, Math.floor(seed / 0x100000000) >>> 0];
  for (let i = 0; i <= stream.length; i += 4) {
    const unit = (at: number): number => (at < stream.length ? stream.charCodeAt(at) + 1 : 0);
    const block = philox(key, [unit(i), unit(i + 1), unit(i + 2), unit(i + 3)]);
    key = [block[0], block[1]];
  }
  return key;
}

/** A 32-bit word as a number in [0, 1). */
export function toUnit(word: number): number {
  return word / 0x100000000;
}

/**
 * Normal numbers of mean 0 and deviation `deviation` (Box–Muller), four from each block of the counters
 * (firstBlock + i, 0, 0, 0).
 */
export function fillNormals(
  target: Float32Array,
  key: PhiloxKey,
  firstBlock: number,
  deviation: number,
): void {
  const block = new Uint32Array(4);
  for (let i = 0; i < target.length; i += 4) {
    block[0] = firstBlock + i / 4;
    block[1] = 0;
    block[2] = 0;
    block[3] = 0;
    encrypt(key, block);
    for (let pair = 0; pair < 4 && i + pair < target.length; pair += 2) {
      // (word + 1) / 2³² lies in (0, 1], so the logarithm is finite.
      const radius = Math.sqrt(-2 * Math.log((block[pair]! + 1) / 0x100000000));
      const angle = 2 * Math.PI * toUnit(block[pair + 1]!);
      target[i + pair] = deviation * (radius * Math.cos(angle));
      if (i + pair + 1 < target.length) target[i + pair + 1] = deviation * (radius * Math.sin(angle));
    }
  }
}
