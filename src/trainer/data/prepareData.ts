import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import type { ResolvedRunFile } from '../../protocol/runFile.ts';
import { cachedFolder } from './cachePlace.ts';
import { openCorpus } from './corpus.ts';
import { TokenFile } from './tokenFile.ts';
import { type TokensMeta, tokenizeCorpus, tokensVersion } from './tokenizeCorpus.ts';
import { type LoadedTokenizer, loadTokenizerFile } from './tokenizer.ts';
import { tokenizerTrainingVersion, trainTokenizer } from './trainTokenizer.ts';

/** Everything of the data that training needs. */
export interface PreparedData {
  tokenizer: LoadedTokenizer;
  meta: TokensMeta;
  train: TokenFile;
  validation: TokenFile;
  /** SHA-256 of the corpus. */
  corpusHash: string;
  /** Folder of the token files. */
  folder: string;
  /** Whether nothing had to be made. */
  warm: boolean;
}

/** Called often while data is prepared, with what is being done; may throw to stop. */
export type PrepareTick = (doing: string) => Promise<void>;

function key(...parts: (string | number)[]): string {
  return createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 32);
}

async function prepareTokenizer(
  wanted: ResolvedRunFile['data']['tokenizer'],
  corpus: ReturnType<typeof openCorpus>,
  corpusHash: string,
  cache: string,
  tick: PrepareTick,
): Promise<LoadedTokenizer> {
  if (typeof wanted === 'string') return loadTokenizerFile(wanted);
  const { vocabSize } = wanted.train;
  const place = path.join(cache, 'tokenizers', key(tokenizerTrainingVersion, corpusHash, vocabSize));
  const doing = 'preparing data: tokenizer';
  await cachedFolder(
    place,
    async (folder) => {
      const json = await trainTokenizer(corpus.documents(), vocabSize, () => tick(doing));
      fs.writeFileSync(path.join(folder, 'tokenizer.json'), json, { flush: true });
    },
    () => tick(doing),
  );
  return loadTokenizerFile(path.join(place, 'tokenizer.json'));
}

/**
 * Tokenizer and token files of a run, from the cache where they are there.
 * @param data `tokenizer` is a path or `train`
 * @param cache folder shared by all runs of a root
 * @throws BiphaseError `usage` for an empty corpus or a tokenizer that does not fit
 */
export async function prepareData(
  data: Pick<ResolvedRunFile['data'], 'source' | 'tokenizer'>,
  cache: string,
  tick: PrepareTick,
): Promise<PreparedData> {
  let warm = true;
  const noticed: PrepareTick = (doing) => {
    warm = false;
    return tick(doing);
  };
  await tick('preparing data');
  const corpus = openCorpus(data.source, cache);
  const corpusHash = await corpus.contentHash();
  const tokenizer = await prepareTokenizer(data.tokenizer, corpus, corpusHash, cache, noticed);
  const folder = path.join(cache, 'tokens', key(tokensVersion, corpusHash, tokenizer.hash));
  await cachedFolder(
    folder,
    async (temporary) => {
      await noticed('preparing data: tokens');
      const meta = await tokenizeCorpus(corpus.documents(), tokenizer, temporary, (_documents, tokens) =>
        noticed(`preparing data: ${(tokens / 1e6).toFixed(1)}M tokens`),
      );
      fs.writeFileSync(path.join(temporary, 'tokenizer.json'), tokenizer.json, { flush: true });
      fs.writeFileSync(path.join(temporary, 'meta.json'), `${JSON.stringify(meta)}\n`, { flush: true });
    },
    () => noticed('preparing data: another run is at it'),
  );
  const meta = JSON.parse(fs.readFileSync(path.join(folder, 'meta.json'), 'utf8')) as TokensMeta;
  return {
    tokenizer,
    meta,
    train: new TokenFile(path.join(folder, 'train.bin'), meta.idBytes, meta.trainTokens),
    validation: new TokenFile(path.join(folder, 'validation.bin'), meta.idBytes, meta.validationTokens),
    corpusHash,
    folder,
    warm,
  };
}
