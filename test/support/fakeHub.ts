import http from 'node:http';
import type { AddressInfo } from 'node:net';

/** What the fake hub does with a request instead of answering it. */
export type Fault =
  | { status: number; headers?: Record<string, string> }
  /** Half of the body, then the connection breaks. */
  | 'cut'
  /** The connection breaks before an answer. */
  | 'reset'
  /** All of the file, whatever range was asked for. */
  | 'whole';

export interface FakeDataset {
  commit: string;
  card?: object;
  files: Record<string, Uint8Array>;
  /** Token that it asks for. */
  token?: string;
}

export interface SeenRequest {
  host: 'hub' | 'files';
  path: string;
  range: string | undefined;
  authorization: string | undefined;
}

/** Files of a folder that one page of a listing holds. */
const pageSize = 2;

/**
 * A server on loopback that answers as the hub does: dataset information, listings in pages, and files behind a redirect
 * to another port that serves ranges and, as object stores do, refuses a request with a token.
 */
export class FakeHub {
  readonly seen: SeenRequest[] = [];
  /** Its address, once it has started. */
  endpoint = '';
  /** Asked for each request; what it returns happens. */
  fault: (request: SeenRequest) => Fault | undefined = () => undefined;
  readonly #datasets: Record<string, FakeDataset>;
  readonly #hub = http.createServer((request, response) => this.#answer('hub', request, response));
  readonly #files = http.createServer((request, response) => this.#answer('files', request, response));

  constructor(datasets: Record<string, FakeDataset>) {
    this.#datasets = datasets;
  }

  async start(): Promise<void> {
    for (const server of [this.#hub, this.#files])
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    this.endpoint = `http://127.0.0.1:${(this.#hub.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    for (const server of [this.#hub, this.#files]) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }

  #answer(host: SeenRequest['host'], request: http.IncomingMessage, response: http.ServerResponse): void {
    const { range, authorization } = request.headers;
    const seen = { host, path: request.url ?? '', range, authorization };
    this.seen.push(seen);
    const fault = this.fault(seen);
    if (fault === 'reset') {
      request.socket.destroy();
      return;
    }
    if (typeof fault === 'object') {
      response.writeHead(fault.status, fault.headers).end('no');
      return;
    }
    const url = new URL(seen.path, this.endpoint);
    if (host === 'files') this.#file(url, seen, response, fault);
    else this.#api(url, seen, response);
  }

  #api(url: URL, seen: SeenRequest, response: http.ServerResponse): void {
    const json = (value: unknown, headers = {}): void => {
      response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));
    };
    const refuse = (status: number, code: string): void => {
      response.writeHead(status, { 'x-error-code': code, 'content-type': 'application/json' });
      response.end(JSON.stringify({ error: code }));
    };
    const match =
      /^(?:\/api)?(?:\/(?:datasets|models))?\/([^/]+\/[^/]+)\/(revision|tree|resolve)\/([^/]+)(?:\/(.+))?$/.exec(
        url.pathname,
      );
    const dataset = match ? this.#datasets[match[1]] : undefined;
    if (!match || !dataset) {
      refuse(seen.authorization ? 404 : 401, 'RepoNotFound');
      return;
    }
    if (dataset.token && seen.authorization !== `Bearer ${dataset.token}`) {
      refuse(seen.authorization ? 403 : 401, 'GatedRepo');
      return;
    }
    const [, name, what, revision, rest = ''] = match;
    if (!['main', dataset.commit].includes(revision)) refuse(404, 'RevisionNotFound');
    else if (what === 'revision')
      json({ _id: '1', id: name, sha: dataset.commit, cardData: dataset.card ?? {}, lastModified: 0 });
    else if (what === 'tree') {
      const inside = Object.keys(dataset.files).filter((file) => rest === '' || file.startsWith(`${rest}/`));
      if (inside.length === 0) {
        refuse(404, 'EntryNotFound');
        return;
      }
      const start = Number(url.searchParams.get('cursor') ?? 0);
      const next = new URL(url);
      next.searchParams.set('cursor', String(start + pageSize));
      const link = start + pageSize < inside.length ? { link: `<${next}>; rel="next"` } : {};
      const entries = inside.slice(start, start + pageSize).map((path) => {
        const size = dataset.files[path].length;
        return {
          type: 'file',
          path,
          size,
          oid: `git-${path}`,
          lfs: { oid: `lfs-${path}-${size}`, size, pointerSize: 130 },
        };
      });
      json(entries, link);
    } else {
      if (!dataset.files[decodeURIComponent(rest)]) {
        refuse(404, 'EntryNotFound');
        return;
      }
      const { port } = this.#files.address() as AddressInfo;
      const location = `http://localhost:${port}/${name}/${rest}?signature=x`;
      response.writeHead(302, { location, 'x-linked-etag': '"e"' }).end();
    }
  }

  #file(url: URL, seen: SeenRequest, response: http.ServerResponse, fault: Fault | undefined): void {
    const [, owner, name, ...rest] = url.pathname.split('/');
    const bytes = this.#datasets[`${owner}/${name}`]?.files[decodeURIComponent(rest.join('/'))];
    if (seen.authorization || !bytes) {
      response.writeHead(400).end('only one way to authorize is allowed');
      return;
    }
    const match = /^bytes=(\d+)-(\d+)$/.exec(seen.range ?? '');
    const [start, end] =
      match && fault !== 'whole' ? [Number(match[1]), Number(match[2]) + 1] : [0, bytes.length];
    const part = bytes.subarray(start, Math.min(end, bytes.length));
    response.writeHead(match && fault !== 'whole' ? 206 : 200, {
      'content-length': part.length,
      etag: '"e"',
      ...(match ? { 'content-range': `bytes ${start}-${start + part.length - 1}/${bytes.length}` } : {}),
    });
    if (fault !== 'cut') {
      response.end(part);
      return;
    }
    response.write(part.subarray(0, Math.floor(part.length / 2)), () => response.socket?.destroy());
  }
}
