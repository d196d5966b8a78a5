import { createHash } from 'node:crypto';
import os from 'node:os';

/** Stable for one account on one machine, different for another: half parcels are continued, never shared. */
export function clientName(): string {
  const identity = `${os.hostname()}\0${os.userInfo().username}\0${os.homedir()}`;
  return createHash('sha256').update(identity).digest('hex').slice(0, 8);
}
