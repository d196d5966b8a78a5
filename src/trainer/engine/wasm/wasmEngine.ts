import { BiphaseError } from '../../../core/errors.ts';
import {
  type EngineSizes,
  MULTIPLY_TILE_ROWS,
  NORM_TILE_ROWS,
  OPTIMIZER_TILE,
  PACK_DEPTH,
  STAGE_ROWS,
  TENSOR_ALIGNMENT,
} from '../../../core/plannedBytes.ts';
import type { StridedAddress } from '../blas/productKernel.ts';
import {
  type AdamWNumbers,
  type Engine,
  elementCount,
  type HeadShape,
  type OptimizerEntry,
  type Tensor,
} from '../engine.ts';
import { CONTROL_BYTES } from './control.ts';
import { floatsAt, type HostStart, STORE_BASE, STORED_TILE_DOUBLES } from './hostKernels.ts';
import { widePanelsAreFaster } from './panelRates.ts';
import { type Argument, Pool } from './pool.ts';

/** What an engine begins with. */
export interface OpenedMemory {
  memory: WebAssembly.Memory;
  store: SharedArrayBuffer | null;
  sizes: EngineSizes;
  /** First free address of the arena. */
  next: number;
  pool: Pool;
  widePanels: boolean;
}

interface WasmTensor extends Tensor {
  readonly address: number;
  readonly elements: number;
}

const of = (tensor: Tensor): WasmTensor => tensor as WasmTensor;
const address = (tensor: Tensor): number => of(tensor).address;

/** Where a tensor of this engine lies. */
export const addressOf = address;

// How the kernels in `kernels/matmul.ts` cut a product.
const PANEL_COLUMNS = 16;
const PART_DEPTH = 256;
const PACK_LINES = 64;
const TILE_ROWS = [MULTIPLY_TILE_ROWS, 48, 24];
const TILE_COLUMNS = [256, 128, 64];
const TURNED_COLUMNS = [1024, 512, 256];
/** Tiles a thread that a product should have, so that threads end together. */
const TILES_PER_THREAD = 4;

/** Elements of one tile of the ops that go row by row or element by element. */
const TILE_ELEMENTS = 16384;
/** Columns of one tile where rows are added up. */
const TILE_SLICE = 32;
/** Elements of one tile that moves between arena and store. */
const TILE_STORED = 1 << 18;

/**
 * SIMD kernels over one shared WebAssembly memory. Sums are cut by the shapes alone and each is computed by one thread
 * from start to end, so any number of threads gives the same bits.
 */
export class WasmEngine implements Engine {
  readonly name: string = 'wasm';
  protected readonly pool: Pool;
  private readonly memory: WebAssembly.Memory;
  private readonly store: SharedArrayBuffer | null;
  private readonly sizes: EngineSizes;
  private readonly widePanels: boolean;
  private readonly packedB: number;
  private readonly normPartial: number;
  private readonly optimizerTable: number;
  private readonly optimizerPartial: number;
  private optimizerEntries: readonly OptimizerEntry[] | undefined;
  private readonly stage: number;
  private next: number;
  private nextStored = STORE_BASE;

  protected constructor({ memory, store, sizes, next, pool, widePanels }: OpenedMemory) {
    this.memory = memory;
    this.store = store;
    this.sizes = sizes;
    this.pool = pool;
    this.widePanels = widePanels;
    this.next = next;
    this.packedB = this.reserve(sizes.pack * 4);
    this.normPartial = this.reserve(sizes.normPartial * 4);
    this.optimizerTable = this.reserve(sizes.optimizerTiles * (store ? STORED_TILE_DOUBLES * 8 : 24));
    this.optimizerPartial = this.reserve(sizes.optimizerTiles * 8);
    this.stage = this.reserve(sizes.stage * 4);
  }

  /** Reserves the memory and starts `threads` − 1 workers: the calling thread is the first. */
  static async open(sizes: EngineSizes, threads: number): Promise<WasmEngine> {
    return new WasmEngine(await WasmEngine.openMemory(sizes, threads, null));
  }

  protected static async openMemory(
    sizes: EngineSizes,
    threads: number,
    blas: HostStart['blas'],
  ): Promise<OpenedMemory> {
    const pages = Math.ceil(sizes.bytes / 65536);
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    const scratchBytes = align(sizes.scratch * 4);
    const scratch = Array.from({ length: threads }, (_, thread) => CONTROL_BYTES + thread * scratchBytes);
    const store = sizes.store > 0 ? new SharedArrayBuffer(sizes.store) : null;
    const pool = await Pool.start(memory, scratch, { store, blas });
    const next = CONTROL_BYTES + threads * scratchBytes;
    return { memory, store, sizes, next, pool, widePanels: await widePanelsAreFaster() };
  }

  /** Bytes in use: after a model is built, what was planned for it. */
  get usedBytes(): number {
    return this.next + this.nextStored - STORE_BASE;
  }

  private reserve(bytes: number): number {
    const start = this.next;
    this.next = start + align(bytes);
    if (this.next > this.sizes.bytes)
      throw new BiphaseError('internal', `The plan of ${this.sizes.bytes} bytes is too small for the model.`);
    return start;
  }

  tensor(dtype: 'f32' | 'i32', shape: readonly number[]): Tensor {
    const elements = elementCount(shape);
    const tensor: WasmTensor = { dtype, shape, elements, address: this.reserve(elements * 4) };
    return tensor;
  }

  parameter(shape: readonly number[]): Tensor {
    // Norms are small and kernels read them where they lie.
    if (!this.store || shape.length < 2) return this.tensor('f32', shape);
    const elements = elementCount(shape);
    const tensor: WasmTensor = { dtype: 'f32', shape, elements, address: this.nextStored };
    this.nextStored += align(elements * 4);
    if (this.nextStored - STORE_BASE > this.sizes.store)
      throw new BiphaseError('internal', `The plan of ${this.sizes.store} stored bytes is too small.`);
    return tensor;
  }

  rows(tensor: Tensor, start: number, count: number): Tensor {
    const rest = tensor.shape.slice(1);
    const row = elementCount(rest);
    const view: WasmTensor = {
      dtype: tensor.dtype,
      shape: [count, ...rest],
      elements: count * row,
      address: address(tensor) + start * row * 4,
    };
    return view;
  }

  reshape(tensor: Tensor, shape: readonly number[]): Tensor {
    const view: WasmTensor = { ...of(tensor), shape };
    return view;
  }

  upload(tensor: Tensor, values: Float32Array | Int32Array): void {
    if (values.length !== of(tensor).elements)
      throw new BiphaseError('internal', `${values.length} values do not fill a tensor of ${tensor.shape}.`);
    if (tensor.dtype === 'f32') this.floats(tensor).set(values);
    else new Int32Array(this.memory.buffer, address(tensor), values.length).set(values);
  }

  async read(tensor: Tensor): Promise<Float32Array> {
    const copy = new Float32Array(of(tensor).elements);
    copy.set(this.floats(tensor));
    return copy;
  }

  private floats(tensor: Tensor): Float32Array {
    return floatsAt(this.memory.buffer, this.store, address(tensor), of(tensor).elements);
  }

  acquire(): void {}
  release(): void {}

  fill(target: Tensor, value: number): void {
    const { elements } = of(target);
    if (isStored(target)) {
      const tiles = Math.ceil(elements / TILE_STORED);
      this.pool.runHost('fillStored', tiles, [elements, TILE_STORED, address(target), value]);
      return;
    }
    this.pool.run('fill', Math.ceil(elements / TILE_ELEMENTS), [
      ...[elements, TILE_ELEMENTS, address(target)],
      { float: value },
    ]);
  }

  copy(target: Tensor, source: Tensor): void {
    const { elements } = of(target);
    const tiles = Math.ceil(elements / TILE_ELEMENTS);
    this.pool.run('copy', tiles, [elements, TILE_ELEMENTS, address(target), address(source)]);
  }

  embedding(out: Tensor, weight: Tensor, ids: Tensor): void {
    const [count = 0, width = 0] = out.shape;
    if (!isStored(weight)) this.gatherRows(out, weight, ids);
    else
      this.pool.runHost('gatherStored', Math.ceil(count / TILE_SLICE), [
        ...[count, TILE_SLICE, address(out), address(weight), address(ids), width],
      ]);
  }

  embeddingBackward(dWeight: Tensor, dOut: Tensor, ids: Tensor): void {
    const [count = 0, width = 0] = dOut.shape;
    if (!isStored(dWeight)) this.gatherRowsBackward(dWeight, dOut, ids);
    else
      this.pool.runHost('scatterAddStored', Math.ceil(width / TILE_SLICE), [
        ...[width, TILE_SLICE, address(dWeight), address(dOut), address(ids), count],
      ]);
  }

  linear(y: Tensor, x: Tensor, weight: Tensor, accumulate = false): void {
    const inputs = weight.shape[1]!;
    for (const { start, count, part } of this.within(weight, false))
      this.multiply(
        [x.shape[0]!, count, inputs],
        moved(rowMajor(y), start * 4),
        rowMajor(x),
        transposed(part),
        accumulate,
      );
  }

  linearBackwardInput(dx: Tensor, dy: Tensor, weight: Tensor, accumulate = false): void {
    const inputs = weight.shape[1]!;
    for (const { start, count, part } of this.within(weight, false))
      this.multiply(
        [dy.shape[0]!, inputs, count],
        rowMajor(dx),
        moved(rowMajor(dy), start * 4),
        rowMajor(part),
        accumulate || start > 0,
      );
  }

  linearBackwardWeight(dWeight: Tensor, dy: Tensor, x: Tensor): void {
    const inputs = dWeight.shape[1]!;
    for (const { start, count, part } of this.within(dWeight, true))
      this.multiply(
        [count, inputs, x.shape[0]!],
        rowMajor(part),
        moved(transposed(dy), start * 4),
        rowMajor(x),
        true,
      );
  }

  /** Whether products can read and write the store themselves. */
  protected get multipliesStored(): boolean {
    return false;
  }

  /**
   * A parameter as products can reach it: as it lies, or rows of it that are brought into the arena one part after the
   * other, and brought back where they are `changed`. Parts begin where partial sums of a product do, so the bits are
   * the same.
   */
  private *within(
    parameter: Tensor,
    changed: boolean,
  ): Generator<{ start: number; count: number; part: Tensor }> {
    const [rows = 0, width = 0] = parameter.shape;
    if (!isStored(parameter) || this.multipliesStored) {
      yield { start: 0, count: rows, part: parameter };
      return;
    }
    for (let start = 0; start < rows; start += STAGE_ROWS) {
      const count = Math.min(STAGE_ROWS, rows - start);
      const elements = count * width;
      const stored = this.rows(parameter, start, count);
      const part: WasmTensor = { ...of(stored), address: this.stage };
      const move = (target: number, source: number): void =>
        this.pool.runHost('moveStored', Math.ceil(elements / TILE_STORED), [
          ...[elements, TILE_STORED, target, source],
        ]);
      move(this.stage, address(stored));
      yield { start, count, part };
      if (changed) move(address(stored), this.stage);
    }
  }

  /** C [m × n] (+)= A·B over `depth`, in pieces that the packed buffers can hold. */
  protected multiply(
    [m, n, depth]: readonly [number, number, number],
    c: StridedAddress,
    a: StridedAddress,
    b: StridedAddress,
    accumulate: boolean,
  ): void {
    for (let k = 0; k < depth; k += PACK_DEPTH) {
      const piece = Math.min(PACK_DEPTH, depth - k);
      const panelsAtOnce = Math.floor(this.sizes.pack / piece / PANEL_COLUMNS);
      for (let j = 0; j < n; j += panelsAtOnce * PANEL_COLUMNS) {
        const columns = Math.min(panelsAtOnce * PANEL_COLUMNS, n - j);
        const [tileRows, tileColumns] = tileShape(
          m,
          columns,
          a.columnStride !== 4,
          this.pool.threads * TILES_PER_THREAD,
        );
        const across = Math.ceil(columns / tileColumns);
        const args: Argument[] = [
          ...[a.address + k * a.columnStride, a.rowStride, a.columnStride],
          ...[b.address + k * b.rowStride + j * b.columnStride, b.columnStride, b.rowStride],
          ...[c.address + j * 4, c.rowStride, accumulate || k > 0 ? 1 : 0, m, columns, piece, this.packedB],
          ...[across, tileRows, tileColumns, this.widePanels ? 1 : 0],
        ];
        this.pool.run('packPanels', Math.ceil(columns / PACK_LINES) * Math.ceil(piece / PART_DEPTH), args);
        this.pool.run('multiplyTile', Math.ceil(m / tileRows) * across, args);
      }
    }
  }

  rmsNorm(y: Tensor, inverseRms: Tensor, x: Tensor, weight: Tensor, eps: number): void {
    const [rows = 0, width = 0] = x.shape;
    this.rowOp('rmsNorm', rows, width, [
      ...[address(y), address(inverseRms), address(x), address(weight), width],
      { float: eps },
    ]);
  }

  rmsNormBackward(
    dx: Tensor,
    dWeight: Tensor,
    dy: Tensor,
    x: Tensor,
    inverseRms: Tensor,
    weight: Tensor,
  ): void {
    const [rows = 0, width = 0] = x.shape;
    const tiles = Math.ceil(rows / NORM_TILE_ROWS);
    this.pool.run('rmsNormBackward', tiles, [
      ...[rows, NORM_TILE_ROWS, address(dx), this.normPartial, address(dy), address(x)],
      ...[address(inverseRms), address(weight), width],
    ]);
    this.pool.run('addPartialRows', Math.ceil(width / TILE_SLICE), [
      ...[width, TILE_SLICE, address(dWeight), this.normPartial, tiles],
    ]);
  }

  rotary(qkv: Tensor, cos: Tensor, sin: Tensor, positions: Tensor, shape: HeadShape): void {
    this.rotate(qkv, cos, sin, positions, shape, 0);
  }

  rotaryBackward(dQkv: Tensor, cos: Tensor, sin: Tensor, positions: Tensor, shape: HeadShape): void {
    this.rotate(dQkv, cos, sin, positions, shape, 1);
  }

  private rotate(
    qkv: Tensor,
    cos: Tensor,
    sin: Tensor,
    positions: Tensor,
    shape: HeadShape,
    back: 0 | 1,
  ): void {
    const [rows = 0, width = 0] = qkv.shape;
    const heads = shape.heads + shape.kvHeads;
    this.rowOp('rotary', rows, width, [
      ...[address(qkv), address(cos), address(sin), address(positions), width, heads, shape.headDim, back],
    ]);
  }

  attention(
    out: Tensor,
    logSumExp: Tensor,
    qkv: Tensor,
    cumulativeLengths: Tensor,
    shape: HeadShape,
    causal: boolean,
  ): void {
    const tiles = (cumulativeLengths.shape[0]! - 1) * shape.kvHeads;
    this.pool.run('attention', tiles, [
      ...attentionArguments(out, logSumExp, qkv, cumulativeLengths, shape, causal),
      0,
      0,
      this.widePanels ? 1 : 0,
    ]);
  }

  attentionBackward(
    dQkv: Tensor,
    dOut: Tensor,
    out: Tensor,
    logSumExp: Tensor,
    qkv: Tensor,
    cumulativeLengths: Tensor,
    shape: HeadShape,
    causal: boolean,
  ): void {
    const tiles = (cumulativeLengths.shape[0]! - 1) * shape.kvHeads;
    this.pool.run('attentionBackward', tiles, [
      ...attentionArguments(out, logSumExp, qkv, cumulativeLengths, shape, causal),
      ...[address(dQkv), address(dOut), this.widePanels ? 1 : 0],
    ]);
  }

  swiGlu(out: Tensor, gateUp: Tensor): void {
    const [rows = 0, width = 0] = out.shape;
    this.rowOp('swiGlu', rows, 4 * width, [address(out), address(gateUp), width]);
  }

  swiGluBackward(dGateUp: Tensor, out: Tensor, dOut: Tensor, gateUp: Tensor): void {
    const [rows = 0, width = 0] = dOut.shape;
    this.rowOp('swiGluBackward', rows, 4 * width, [
      ...[address(dGateUp), address(gateUp), width, address(dOut), address(out)],
    ]);
  }

  gatherRows(out: Tensor, x: Tensor, rows: Tensor): void {
    const [count = 0, width = 0] = out.shape;
    this.rowOp('gatherRows', count, width, [address(out), address(x), address(rows), width * 4]);
  }

  gatherRowsBackward(dx: Tensor, dOut: Tensor, rows: Tensor): void {
    const [count = 0, width = 0] = dOut.shape;
    this.pool.run('scatterAddRows', Math.ceil(width / TILE_SLICE), [
      ...[width, TILE_SLICE, address(dx), address(dOut), address(rows), count],
    ]);
  }

  crossEntropy(losses: Tensor, logits: Tensor, targets: Tensor): void {
    this.entropy(losses, logits, targets, 0, 0);
  }

  crossEntropyWithGradient(losses: Tensor, logits: Tensor, targets: Tensor, gradientScale: number): void {
    this.entropy(losses, logits, targets, 1, gradientScale);
  }

  private entropy(losses: Tensor, logits: Tensor, targets: Tensor, gradient: 0 | 1, scale: number): void {
    const [rows = 0, vocab = 0] = logits.shape;
    this.rowOp('crossEntropy', rows, 4 * vocab, [
      ...[address(losses), address(logits), address(targets), vocab, gradient],
      { float: scale },
    ]);
  }

  async sumOfSquares(entries: readonly OptimizerEntry[]): Promise<number> {
    const tiles = this.prepareOptimizer(entries);
    const args = [this.optimizerTable, this.optimizerPartial];
    if (this.store) this.pool.runHost('sumOfSquaresStored', tiles, args);
    else this.pool.run('sumOfSquares', tiles, args);
    return new Float64Array(this.memory.buffer, this.optimizerPartial, tiles).reduce(
      (sum, part) => sum + part,
      0,
    );
  }

  adamW(entries: readonly OptimizerEntry[], numbers: AdamWNumbers): void {
    const { learningRate, beta1, beta2, eps, weightDecay, gradientScale, biasCorrection1, biasCorrection2 } =
      numbers;
    const tiles = this.prepareOptimizer(entries);
    const floats = [beta1, 1 - beta1, beta2, 1 - beta2, eps, 1 - learningRate * weightDecay];
    floats.push(learningRate / biasCorrection1, 1 / Math.sqrt(biasCorrection2), gradientScale);
    if (this.store) this.pool.runHost('adamWStored', tiles, [this.optimizerTable, ...floats]);
    else this.pool.run('adamW', tiles, [this.optimizerTable, ...floats.map((float) => ({ float }))]);
  }

  /** Writes the table of the optimizer's tiles, once for a list of entries; returns their number. */
  private prepareOptimizer(entries: readonly OptimizerEntry[]): number {
    const counts = entries.map(({ weight }) => Math.ceil(of(weight).elements / OPTIMIZER_TILE));
    const tiles = counts.reduce((a, b) => a + b, 0);
    if (this.optimizerEntries === entries) return tiles;
    if (tiles > this.sizes.optimizerTiles)
      throw new BiphaseError('internal', 'More parameters than planned.');
    const table = this.store
      ? new Float64Array(this.memory.buffer, this.optimizerTable, tiles * STORED_TILE_DOUBLES)
      : new Int32Array(this.memory.buffer, this.optimizerTable, tiles * 6);
    let at = 0;
    for (const { weight, gradient, firstMoment, secondMoment, decays } of entries)
      for (let from = 0; from < of(weight).elements; from += OPTIMIZER_TILE) {
        const count = Math.min(OPTIMIZER_TILE, of(weight).elements - from);
        const addresses = [weight, gradient, firstMoment, secondMoment].map(
          (tensor) => address(tensor) + from * 4,
        );
        table.set([...addresses, count, decays ? 1 : 0], at);
        at += 6;
      }
    this.optimizerEntries = entries;
    return tiles;
  }

  /** A kernel that goes row by row, with as many rows a tile as make up about the same work. */
  private rowOp(
    name: Parameters<Pool['run']>[0],
    rows: number,
    work: number,
    args: readonly Argument[],
  ): void {
    const rowsOfTile = Math.max(1, Math.floor(TILE_ELEMENTS / Math.max(1, work)));
    this.pool.run(name, Math.ceil(rows / rowsOfTile), [rows, rowsOfTile, ...args]);
  }

  async close(): Promise<void> {
    await this.pool.close();
  }
}

function align(bytes: number): number {
  return Math.ceil(bytes / TENSOR_ALIGNMENT) * TENSOR_ALIGNMENT;
}

function isStored(tensor: Tensor): boolean {
  return address(tensor) >= STORE_BASE;
}

/**
 * The shape of a product's tiles: large for the caches, but `enough` of them for all threads. Which tile an element
 * lies in changes nothing in its sum: that is cut along the depth alone. Where tiles turn their part of A, they have
 * more columns, for which it is turned only once.
 */
function tileShape(
  rows: number,
  columns: number,
  turned: boolean,
  enough: number,
): [rows: number, columns: number] {
  const tiles = (tileRows: number, tileColumns: number): number =>
    Math.ceil(rows / tileRows) * Math.ceil(columns / tileColumns);
  const shapes = TILE_ROWS.flatMap((tileRows) =>
    (turned ? TURNED_COLUMNS : TILE_COLUMNS).map((tileColumns) => [tileRows, tileColumns] as const),
  );
  const [tileRows, tileColumns] = shapes.find((shape) => tiles(...shape) >= enough) ?? shapes.at(-1)!;
  return [tileRows, tileColumns];
}

function rowMajor(tensor: Tensor): StridedAddress {
  return { address: address(tensor), rowStride: tensor.shape[1]! * 4, columnStride: 4 };
}

function transposed(tensor: Tensor): StridedAddress {
  return { address: address(tensor), rowStride: 4, columnStride: tensor.shape[1]! * 4 };
}

function moved(matrix: StridedAddress, bytes: number): StridedAddress {
  return { ...matrix, address: matrix.address + bytes };
}

function attentionArguments(
  out: Tensor,
  logSumExp: Tensor,
  qkv: Tensor,
  cumulativeLengths: Tensor,
  { heads, kvHeads, headDim }: HeadShape,
  causal: boolean,
): Argument[] {
  return [
    ...[address(out), address(logSumExp), address(qkv), address(cumulativeLengths)],
    ...[heads, kvHeads, headDim, causal ? 1 : 0],
    { float: 1 / Math.sqrt(headDim) },
  ];
}
