import fs from 'node:fs';
import path from 'node:path';
import type { ControlOptions } from '../../src/control/client/controlClient.ts';
import { ControlConnection } from '../../src/control/client/controlConnection.ts';
import type { PrivateHome } from './privateHome.ts';

const repository = path.resolve(import.meta.dirname, '../..');
const { version } = JSON.parse(fs.readFileSync(path.join(repository, 'package.json'), 'utf8')) as {
  version: string;
};

/** How a trusted window of that person reaches the built control, which it starts at need. */
export function controlOptions(person: PrivateHome, changes: Partial<ControlOptions> = {}): ControlOptions {
  return {
    stateFolder: path.join(person.home, '.local/state/biphase'),
    controlFile: path.join(repository, 'dist/control.mjs'),
    execPath: process.execPath,
    client: 'window',
    trusted: () => true,
    version,
    environment: person.environment,
    ...changes,
  };
}

/** A window of that person that is connected. */
export async function openWindow(person: PrivateHome): Promise<ControlConnection> {
  const opened = new ControlConnection(controlOptions(person));
  await opened.connect();
  return opened;
}
