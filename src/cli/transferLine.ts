import type { ControlClient } from '../control/client/controlClient.ts';
import { printable } from '../core/printable.ts';
import { transferText } from '../core/transferText.ts';

/** Without a terminal a line is written only this often. */
const plainEveryMs = 10_000;

/**
 * Waits for a call that may copy files, with a line on stderr that tells how far the copy is. Ctrl+C ends the copy and then
 * the call; what was copied is kept.
 */
export async function withTransferLine<T>(
  client: ControlClient,
  transfer: string,
  call: () => Promise<T>,
): Promise<T> {
  const stream = process.stderr;
  let drawn = false;
  let toldAt = Number.NEGATIVE_INFINITY;
  let said = '';
  const off = client.on('transfer', (progress) => {
    if (progress.transfer !== transfer) return;
    const text = printable(transferText(progress));
    if (stream.isTTY) {
      stream.write(`\r\u001b[K${text.slice(0, (stream.columns || 100) - 1)}`);
      drawn = true;
      return;
    }
    const now = performance.now();
    if (progress.doing === said && now - toldAt < plainEveryMs) return;
    toldAt = now;
    said = progress.doing;
    stream.write(`${text}\n`);
  });
  let interrupts = 0;
  const interrupt = (): void => {
    interrupts++;
    if (interrupts > 1) process.exit(130);
    void client.call('cancelTransfer', { transfer }).then(
      ({ found }) => {
        // Nothing is copied: what else waits is not waited for.
        if (!found) process.exit(130);
      },
      () => process.exit(130),
    );
  };
  process.on('SIGINT', interrupt);
  try {
    return await call();
  } finally {
    process.off('SIGINT', interrupt);
    off();
    if (drawn) stream.write('\r\u001b[K');
  }
}
