import { createSecretKey } from 'node:crypto';
import type { Client } from 'ssh2';

/**
 * Gives the cipher of a connection its key as an object. ssh2 makes a cipher for every packet of AES-GCM from the bytes of
 * the key; Node 24 takes as long to see what these are as to encrypt the packet. The field is one of ssh2's own: where
 * another version has it not, only the time is lost.
 */
export function keepCipherKey(client: Client): void {
  client.on('handshake', () => {
    const { _protocol } = client as unknown as { _protocol?: { _cipher?: { _encKey?: unknown } } };
    const cipher = _protocol?._cipher;
    if (cipher?._encKey instanceof Uint8Array) cipher._encKey = createSecretKey(cipher._encKey);
  });
}
