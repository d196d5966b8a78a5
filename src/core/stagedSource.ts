/** A corpus that lies staged in a root's cache, as `data.source` names it by the SHA-256 of its manifest. */
export function stagedSource(sha256: string): string {
  return `cache:${sha256}`;
}

/** Its hash; undefined for every other source. */
export function stagedHash(source: string): string | undefined {
  return /^cache:([0-9a-f]{64})$/.exec(source)?.[1];
}

/** Below a root, with slashes. */
export function stagedPlace(sha256: string): string {
  return `cache/corpora/${sha256}`;
}

/** Inside that place: the text, and the list of it, which is written last. */
export const stagedFiles = 'files';
export const stagedManifest = 'manifest.json';
