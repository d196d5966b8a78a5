import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { BiphaseError } from '../../core/errors.ts';
import type { Place } from './documents.ts';
import { indexedTokens, type ShardIndex, shardName, validationName, writeShardIndex } from './shardIndex.ts';
import { syncFolder, TokenWriter } from './tokenWriter.ts';

/** A document, or a part of a long one. */
export interface Piece {
  text: string;
  /** Whether its document ends with it. */
  last: boolean;
  /** Whether its document is held out. */
  held: boolean;
  /** First 32 bits of the document's hash. */
  rank: number;
  /** Its document. */
  place: Place;
}

/** Fills shards with the pieces of a corpus in their order, from where the index says that the next one begins. */
export class ShardBuilder {
  readonly #folder: string;
  readonly #index: ShardIndex;
  readonly #eos: number[];
  #train: TokenWriter | undefined;
  #validation: TokenWriter | undefined;
  /** Tokens of the document in work that went by, whatever file they lie in. */
  #ofDocument = 0;
  #skip: number;
  /** Where the document in work begins in the first shard. */
  #begin = 0;
  /** Where the documents of smallest hash lie in the first shard: copies of one text have one hash. */
  #smallest: { rank: number; ranges: [number, number][] } = { rank: Number.POSITIVE_INFINITY, ranges: [] };

  constructor(folder: string, index: ShardIndex, eos: number) {
    this.#folder = folder;
    this.#index = index;
    this.#eos = [eos];
    this.#skip = index.next.skip;
  }

  /** Training tokens in whole shards. */
  get tokens(): number {
    return indexedTokens(this.#index);
  }

  /** Training tokens so far, those of the shard in work included. */
  get progress(): number {
    return this.tokens + (this.#train?.tokens ?? 0);
  }

  /** False once the first shard is whole: documents held out after it are left out and need no encoding. */
  get validationOpen(): boolean {
    return this.#index.validation === null;
  }

  /** Appends a piece. It may complete shards. */
  add(piece: Piece, ids: ArrayLike<number>): void {
    const held = piece.held || piece.rank === this.#index.heldOut;
    if (held) {
      if (this.validationOpen) {
        this.#validation ??= this.#open(validationName);
        this.#validation.append(ids);
        if (piece.last) this.#validation.append(this.#eos);
      }
    } else {
      this.#append(ids, piece.place);
      if (piece.last) this.#append(this.#eos, piece.place);
    }
    if (!piece.last) return;
    this.#index.documents++;
    if (held) return;
    this.#ofDocument = 0;
    this.#skip = 0;
    if (!this.validationOpen) return;
    const end = this.#train?.tokens ?? 0;
    if (piece.rank < this.#smallest.rank) this.#smallest = { rank: piece.rank, ranges: [] };
    if (piece.rank === this.#smallest.rank) this.#smallest.ranges.push([this.#begin, end]);
    this.#begin = end;
  }

  #append(ids: ArrayLike<number>, place: Place): void {
    let from = Math.min(ids.length, this.#skip);
    this.#skip -= from;
    this.#ofDocument += from;
    while (from < ids.length) {
      this.#train ??= this.#open(shardName(this.#index.shards.length));
      const to = Math.min(ids.length, from + this.#index.shardTokens - this.#train.tokens);
      this.#train.append(ids, from, to);
      this.#ofDocument += to - from;
      from = to;
      if (this.#train.tokens === this.#index.shardTokens)
        this.#endShard({ ...place, skip: this.#ofDocument }, false);
    }
  }

  /** The corpus has ended. @throws BiphaseError `usage` where it had no text */
  finish(): void {
    if (this.#index.documents === 0)
      throw new BiphaseError('usage', 'The corpus is empty: no document has text.');
    this.#endShard(this.#index.next, true);
  }

  /** Gives up what is not whole. */
  abandon(): void {
    this.#train?.abandon();
    this.#validation?.abandon();
  }

  #open(name: string): TokenWriter {
    const temporary = path.join(
      this.#folder,
      `${name}.${process.pid}-${randomBytes(4).toString('hex')}.part`,
    );
    return new TokenWriter(temporary, this.#index.idBytes);
  }

  #place(writer: TokenWriter, name: string): { tokens: number; sha256: string } {
    const sha256 = writer.close();
    fs.renameSync(writer.path, path.join(this.#folder, name));
    return { tokens: writer.tokens, sha256 };
  }

  #endShard(next: ShardIndex['next'], complete: boolean): void {
    const index = this.#index;
    if (index.validation === null) {
      if (!this.#validation || !this.#train) this.#holdOutMore();
      // What was moved to validation.bin made room again.
      if (!complete && this.#train && this.#train.tokens < index.shardTokens) return;
      if (this.#validation) index.validation = this.#place(this.#validation, validationName);
      this.#validation = undefined;
    }
    if (this.#train) index.shards.push(this.#place(this.#train, shardName(index.shards.length)));
    this.#train = undefined;
    syncFolder(this.#folder);
    index.next = next;
    index.complete = complete;
    writeShardIndex(this.#folder, index);
  }

  /**
   * Splits the first shard where the rule held out nothing, or everything: the document of smallest hash is held out, or
   * the last twentieth of a single document.
   */
  #holdOutMore(): void {
    const from = this.#train ?? this.#validation;
    if (!from) return;
    const total = from.tokens;
    from.close();
    const { buffer } = new Uint8Array(fs.readFileSync(from.path));
    const ids = this.#index.idBytes === 2 ? new Uint16Array(buffer) : new Uint32Array(buffer);
    fs.rmSync(from.path);
    const covered = this.#smallest.ranges.reduce((sum, [a, b]) => sum + b - a, 0);
    const whole = this.#train !== undefined && covered > 0 && covered < total;
    const ranges: [number, number][] = whole
      ? this.#smallest.ranges
      : [[total - Math.ceil(total / 20), total]];
    const train = this.#open(shardName(0));
    const validation = this.#open(validationName);
    let at = 0;
    for (const [a, b] of ranges) {
      train.append(ids, at, a);
      validation.append(ids, a, b);
      at = b;
    }
    train.append(ids, at);
    if (whole) this.#index.heldOut = this.#smallest.rank;
    this.#train = train;
    this.#validation = validation;
  }
}
