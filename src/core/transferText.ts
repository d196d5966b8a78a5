import type { TransferProgress } from '../protocol/controlApi.ts';
import { formatBytes } from './numberFormat.ts';

/** "copying the corpus to atlas: 45 % of 1.2 GiB" */
export function transferText({ doing, done, total }: TransferProgress): string {
  if (total === 0) return doing;
  return `${doing}: ${Math.floor((100 * done) / total)} % of ${formatBytes(total)}`;
}
