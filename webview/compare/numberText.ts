import { formatValue } from '../../src/core/numberFormat.ts';

/** A difference with its sign: "+0.031", "−0.031", "±0". */
export function signed(value: number, format: (value: number) => string = formatValue): string {
  if (value === 0) return '±0';
  return value > 0 ? `+${format(value)}` : format(value);
}

/** A change in percent of what it was: "+12 %"; empty where there was nothing. */
export function relative(before: number, now: number): string {
  if (before === 0 || !Number.isFinite(now / before)) return '';
  const percent = (now / before - 1) * 100;
  const size = Math.abs(percent);
  const digits = size >= 9.95 ? 0 : size >= 0.995 ? 1 : 2;
  return `${signed(percent, (p) => p.toFixed(digits).replace('-', '−'))} %`;
}

/** "p = 0.012", "p < 0.001". */
export function pText(p: number): string {
  if (p < 0.001) return 'p < 0.001';
  return `p = ${p.toPrecision(2)}`;
}

/** Writes numbers with as many decimals as an uncertainty of this size allows: two digits of it. */
export function within(uncertainty: number): (value: number) => string {
  const decimals = 1 - Math.floor(Math.log10(Math.abs(uncertainty)));
  if (!Number.isFinite(decimals) || decimals < 0 || decimals > 8) return formatValue;
  return (value) => (Math.abs(value) >= 1e6 ? formatValue(value) : value.toFixed(decimals).replace('-', '−'));
}
