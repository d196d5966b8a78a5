import fs from 'node:fs';
import path from 'node:path';
import { BiphaseError } from '../../core/errors.ts';
import type { ResolvedRunFile } from '../../protocol/runFile.ts';
import { cachedFolder, removeAbandoned, underMark } from './cachePlace.ts';
import { sha256 } from './contentHash.ts';
import { type Corpus, openCorpus } from './corpus.ts';
import { firstPlace, textsOf } from './documents.ts';
import { isHubName } from './hub/hubName.ts';
import { hubTokenizerFile } from './hub/hubTokenizer.ts';
import type { TokenSource } from './packing.ts';
import { hashOfTokens, indexedTokens, readShardIndex, type ShardIndex, tokensVersion } from './shardIndex.ts';
import { tokenizeCorpus } from './tokenizeCorpus.ts';
import { type LoadedTokenizer, loadTokenizerFile } from './tokenizer.ts';
import { readValidation, TokenShards } from './tokenShards.ts';
import { tokenizerTrainingVersion, trainTokenizer } from './trainTokenizer.ts';
import { watched, whileTicking } from './watched.ts';

/** What is known of a run's tokens. */
export interface TokensMeta {
  schema: 1;
  idBytes: 2 | 4;
  /** Documents read so far, by all runs of this corpus and tokenizer. */
  documents: number;
  trainTokens: number;
  validationTokens: number;
  /** SHA-256 over the shards that the training tokens lie in, and of the held-out tokens. */
  trainHash: string;
  validationHash: string;
  tokenizerHash: string;
}

/** Everything of the data that training needs. */
export interface PreparedData {
  tokenizer: LoadedTokenizer;
  meta: TokensMeta;
  train: TokenShards;
  validation: TokenSource;
  /** The source with everything fixed that could change: a hub's revision as its commit. */
  source: string;
  /** SHA-256 of the corpus. */
  corpusHash: string;
  /** Folder of the token files. */
  folder: string;
  /** Whether nothing had to be made. */
  warm: boolean;
}

/** Called often while data is prepared, with what is being done; may throw to stop. */
export type PrepareTick = (doing: string) => Promise<void>;

/** What to prepare: of `data` in a run file, with `tokenizer` a path, a name on the hub or `train`. */
export interface DataRequest extends Pick<ResolvedRunFile['data'], 'source' | 'column' | 'tokenizer'> {
  /** Training tokens that are needed; fewer where the corpus ends before. */
  tokens: number;
}

function key(...parts: (string | number)[]): string {
  return sha256(parts.join('\n')).slice(0, 32);
}

async function prepareTokenizer(
  wanted: DataRequest['tokenizer'],
  corpus: Corpus,
  cache: string,
  signal: AbortSignal,
  tick: PrepareTick,
): Promise<LoadedTokenizer> {
  const doing = 'preparing data: tokenizer';
  if (typeof wanted === 'string') {
    if (!isHubName(wanted)) return loadTokenizerFile(wanted);
    return loadTokenizerFile(await whileTicking(hubTokenizerFile(wanted, cache, signal), () => tick(doing)));
  }
  const { vocabSize } = wanted.train;
  const place = path.join(cache, 'tokenizers', key(tokenizerTrainingVersion, corpus.hash, vocabSize));
  await cachedFolder(
    place,
    async (folder) => {
      const ticking = (): Promise<void> => tick(doing);
      const documents = watched((stop) => corpus.documents(firstPlace, stop), ticking);
      const json = await trainTokenizer(textsOf(documents), vocabSize, ticking);
      fs.writeFileSync(path.join(folder, 'tokenizer.json'), json, { flush: true });
    },
    () => tick(doing),
  );
  return loadTokenizerFile(path.join(place, 'tokenizer.json'));
}

function millions(tokens: number): string {
  return `${(tokens / 1e6).toFixed(1)}M`;
}

async function prepareTokens(
  corpus: Corpus,
  tokenizer: LoadedTokenizer,
  folder: string,
  until: number,
  tick: PrepareTick,
): Promise<ShardIndex> {
  let index = readShardIndex(folder);
  const enough = (): boolean => {
    index = readShardIndex(folder);
    return index !== undefined && (index.complete || indexedTokens(index) >= until);
  };
  const of = Number.isFinite(until) ? ` of ${millions(until)}` : '';
  await underMark(
    folder,
    enough,
    async () => {
      await tick('preparing data: tokens');
      fs.mkdirSync(folder, { recursive: true });
      removeAbandoned(folder, (name) => name.endsWith('.part'));
      fs.writeFileSync(path.join(folder, 'tokenizer.json'), tokenizer.json);
      index = await tokenizeCorpus(corpus, tokenizer, folder, until, (tokens) =>
        tick(`preparing data: ${millions(tokens)}${of} tokens`),
      );
    },
    () => tick('preparing data: another run is at it'),
  );
  return index as ShardIndex;
}

/**
 * Tokenizer and token shards of a run, from the cache where they are there.
 * @param cache folder shared by all runs of a root
 * @throws BiphaseError `usage` for an empty corpus or a tokenizer that does not fit
 */
export async function prepareData(
  request: DataRequest,
  cache: string,
  tick: PrepareTick,
): Promise<PreparedData> {
  let warm = true;
  const noticed: PrepareTick = (doing) => {
    warm = false;
    return tick(doing);
  };
  const stop = new AbortController();
  try {
    const looking = (): Promise<void> => tick('preparing data');
    await looking();
    const { source, column } = request;
    const opening = openCorpus(source, { column, cache, signal: stop.signal, tick: looking });
    const corpus = await whileTicking(opening, looking);
    const tokenizer = await prepareTokenizer(request.tokenizer, corpus, cache, stop.signal, noticed);
    const folder = path.join(cache, 'tokens', key(tokensVersion, corpus.hash, tokenizer.hash));
    const index = await prepareTokens(corpus, tokenizer, folder, request.tokens, noticed);
    const trainTokens = Math.min(request.tokens, indexedTokens(index));
    return {
      tokenizer,
      meta: {
        schema: 1,
        idBytes: index.idBytes,
        documents: index.documents,
        trainTokens,
        validationTokens: index.validation?.tokens ?? 0,
        trainHash: hashOfTokens(index, trainTokens),
        validationHash: index.validation?.sha256 ?? '',
        tokenizerHash: tokenizer.hash,
      },
      train: new TokenShards(folder, index, trainTokens),
      validation: readValidation(folder, index),
      source: corpus.pinned,
      corpusHash: corpus.hash,
      folder,
      warm,
    };
  } catch (error) {
    throw sayingHow(error, path.dirname(cache));
  } finally {
    stop.abort();
  }
}

/** What helps where the hub cannot be reached. */
function sayingHow(error: unknown, root: string): unknown {
  if (!(error instanceof BiphaseError) || error.kind !== 'unreachable' || error.next !== undefined)
    return error;
  return new BiphaseError(error.kind, error.message, {
    next: `A node without internet needs its data prepared where there is one, such as on the login node: biphase data prepare FILE.run.yaml --root ${root}`,
    cause: error,
  });
}
