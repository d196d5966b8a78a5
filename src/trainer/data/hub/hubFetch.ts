import { setTimeout as delay } from 'node:timers/promises';
import { HUB_URL } from '@huggingface/hub';
import { BiphaseError } from '../../../core/errors.ts';

/** How this machine reaches the hub; from its own environment, and kept in memory only. */
export interface HubAccess {
  /** Without a slash at its end. */
  endpoint: string;
  token: string | undefined;
  /** Waits before another try. */
  wait(milliseconds: number, signal: AbortSignal): Promise<void>;
}

/** `HF_ENDPOINT` and `HF_TOKEN` of this process. */
export function hubAccess(environment: NodeJS.ProcessEnv = process.env): HubAccess {
  return {
    endpoint: (environment.HF_ENDPOINT || HUB_URL).replace(/\/+$/, ''),
    token: environment.HF_TOKEN || undefined,
    wait: (milliseconds, signal) => delay(milliseconds, undefined, { signal }),
  };
}

export interface HubFetchOptions {
  access: HubAccess;
  /** "The dataset OWNER/NAME": begins sentences. */
  what: string;
  signal: AbortSignal;
  /** Whether it is the first that this process asks of the hub. */
  first?: boolean;
}

const attempts = 8;
/** Tries where nothing was ever reached: a node without internet should be told soon. */
const attemptsAtFirst = 4;
const noWay = new Set([
  ...['ENOTFOUND', 'EAI_AGAIN', 'ECONNREFUSED', 'ENETUNREACH', 'EHOSTUNREACH'],
  ...['ETIMEDOUT', 'UND_ERR_CONNECT_TIMEOUT'],
]);
const firstWaitMs = 1000;
const longestWaitMs = 60_000;
/** What a hub may ask us to wait; beyond it a person should know. */
const longestRetryAfterMs = 900_000;
/** A connection that brings nothing for so long is taken for dead. */
const silentMs = 60_000;

const retriedStatuses = new Set([408, 425, 429, 500, 502, 503, 504]);

/** Milliseconds that `Retry-After` asks for, as seconds or a date. */
function retryAfterMs(response: Response): number | undefined {
  const value = response.headers.get('retry-after');
  if (value === null) return undefined;
  const seconds = Number(value);
  const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(value) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}

/** One sentence for an answer that no repetition changes. */
function refusal(response: Response, { what, access }: HubFetchOptions): BiphaseError {
  const { status } = response;
  const code = response.headers.get('x-error-code');
  if (code === 'GatedRepo' || status === 403)
    return new BiphaseError('refused', `${what} is gated or private, and this node may not read it.`, {
      next: access.token
        ? 'Accept its terms on the hub with the account of HF_TOKEN.'
        : 'Accept its terms on the hub and set HF_TOKEN in the environment of the node.',
    });
  if (status === 401)
    return access.token
      ? new BiphaseError('refused', `The hub does not accept the HF_TOKEN of this node for ${lower(what)}.`)
      : new BiphaseError('usage', `${what} is not on the hub, or needs a token.`, {
          next: 'Check its name, or set HF_TOKEN in the environment of the node.',
        });
  if (code === 'RevisionNotFound')
    return new BiphaseError('usage', `${what} has no such revision on the hub.`);
  if (code === 'EntryNotFound')
    return new BiphaseError('usage', `${what} has no such folder or file on the hub.`);
  if (status === 404) return new BiphaseError('usage', `${what} is not on the hub.`);
  return new BiphaseError('unreachable', `The hub answered ${status} for ${lower(what)}.`);
}

function lower(what: string): string {
  return what.charAt(0).toLowerCase() + what.slice(1);
}

/** Bytes of the range that a request asks for; undefined without one. */
function rangeSize(headers: Headers): number | undefined {
  const match = /^bytes=(\d+)-(\d+)$/.exec(headers.get('range') ?? '');
  return match ? Number(match[2]) - Number(match[1]) + 1 : undefined;
}

/** One try, with its whole body. @throws where the connection breaks or falls silent */
async function attempt(
  input: string,
  headers: Headers,
  signal: AbortSignal,
): Promise<{ response: Response; body: Uint8Array<ArrayBuffer> }> {
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(new Error('it fell silent')), silentMs);
  try {
    const response = await fetch(input, { headers, signal: AbortSignal.any([signal, silence.signal]) });
    const wanted = rangeSize(headers);
    if (
      wanted !== undefined &&
      response.status === 200 &&
      Number(response.headers.get('content-length')) > wanted
    ) {
      await response.body?.cancel();
      throw new BiphaseError('unreachable', 'The hub sent a whole file where a part of it was asked for.');
    }
    const chunks: Uint8Array[] = [];
    for await (const chunk of response.body ?? []) {
      timer.refresh();
      chunks.push(chunk);
    }
    const body = new Uint8Array(chunks.reduce((sum, c) => sum + c.length, 0));
    let at = 0;
    for (const chunk of chunks) {
      body.set(chunk, at);
      at += chunk.length;
    }
    if (response.status === 206 && wanted !== undefined && body.length !== wanted && wanted > 1)
      throw new Error('a part of a file came shorter than asked for');
    return { response, body };
  } finally {
    clearTimeout(timer);
  }
}

/**
 * A `fetch` for the hub that tries again: on 429 as `Retry-After` says, on 5xx, on a connection that is refused, reset,
 * silent or cut off within a body. The token goes to the hub's own address only, never where it redirects to. Answers
 * come with their whole body.
 * @throws BiphaseError one sentence for 401, 403, 404, and once tries are used up
 */
export function hubFetch(options: HubFetchOptions): typeof fetch {
  const { access, what, signal } = options;
  const origin = new URL(access.endpoint).origin;
  return async (input, init) => {
    const url = String(input instanceof Request ? input.url : input);
    const headers = new Headers(init?.headers);
    if (access.token && new URL(url).origin === origin)
      headers.set('authorization', `Bearer ${access.token}`);
    let last: string | undefined;
    let most = attempts;
    for (let tried = 0; tried < most; tried++) {
      let pause = Math.min(longestWaitMs, firstWaitMs * 2 ** tried) * (0.75 + Math.random() / 2);
      try {
        const { response, body } = await attempt(url, headers, signal);
        if (response.ok) return new Response(body, { status: response.status, headers: response.headers });
        if (!retriedStatuses.has(response.status)) throw refusal(response, options);
        last = `it answered ${response.status}`;
        const asked = retryAfterMs(response);
        if (asked !== undefined && asked > longestRetryAfterMs)
          throw new BiphaseError(
            'unreachable',
            `The hub asks to wait ${Math.round(asked / 60_000)} minutes.`,
            {
              next: access.token
                ? 'Try again then.'
                : 'Try again then, or set HF_TOKEN: with it the hub allows more.',
            },
          );
        pause = asked ?? pause;
      } catch (cause) {
        if (cause instanceof BiphaseError || signal.aborted) throw cause;
        const inner = (cause as Error).cause as NodeJS.ErrnoException | undefined;
        last = inner?.message || (cause as Error).message;
        if (options.first && noWay.has(inner?.code ?? '')) most = attemptsAtFirst;
      }
      if (tried + 1 < most) await access.wait(pause, signal);
    }
    throw new BiphaseError(
      'unreachable',
      `${what} could not be read from ${access.endpoint} after ${most} tries: ${last}.`,
    );
  };
}
