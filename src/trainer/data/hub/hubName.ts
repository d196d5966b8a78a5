import { BiphaseError } from '../../../core/errors.ts';

/** What `hub:OWNER/NAME[/CONFIG][@REVISION]` names. */
export interface HubName {
  /** OWNER/NAME */
  repository: string;
  config: string | null;
  /** A branch, a tag or a commit. */
  revision: string;
}

export function isHubName(source: string): boolean {
  return source.startsWith('hub:');
}

/** @throws BiphaseError `usage` */
export function parseHubName(source: string): HubName {
  const match = /^hub:(\w[\w.-]*\/\w[\w.-]*)(?:\/(\w[\w.+/-]*))?(?:@(\w[\w./-]*))?$/.exec(source);
  if (!match)
    throw new BiphaseError(
      'usage',
      `"${source}" is not a name on the hub: hub:OWNER/NAME[/CONFIG][@REVISION].`,
    );
  return { repository: match[1], config: match[2] ?? null, revision: match[3] ?? 'main' };
}
