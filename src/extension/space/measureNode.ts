import { randomUUID } from 'node:crypto';
import { BiphaseError } from '../../core/errors.ts';
import type { DiskUse } from '../../protocol/diskSpace.ts';
import type { ControlService } from '../control/controlService.ts';
import { withSlowProgress } from '../control/slowProgress.ts';

/** What lies on a node, with progress on show. @throws BiphaseError `cancelled` where the person cancels it */
export async function measureNode(service: ControlService, name: string): Promise<DiskUse> {
  const ask = randomUUID();
  const { promise: cancelled, reject } = Promise.withResolvers<never>();
  const cancel = (): void => {
    // Where the node does not answer any more there is nothing to end.
    service.call('interrupt', { name, ask }).catch(() => {});
    reject(new BiphaseError('cancelled', 'Measuring was cancelled.'));
  };
  return withSlowProgress({ title: `Measuring ${name}`, cancel }, () =>
    Promise.race([service.call('diskUse', { name, ask }), cancelled]),
  );
}
