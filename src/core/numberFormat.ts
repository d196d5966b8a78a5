/** How numbers are written for people, the same in every tree, page and line of output. English, no locale. */

const siPrefixes: readonly (readonly [number, string])[] = [
  [1e15, 'P'],
  [1e12, 'T'],
  [1e9, 'B'],
  [1e6, 'M'],
  [1e3, 'k'],
];

function trimZeros(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

function nonFinite(value: number): string {
  return Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '−Infinity';
}

/** 42000 → "42,000". Exact: for steps, points and other counts. */
export function formatCount(value: number): string {
  if (!Number.isFinite(value)) return nonFinite(value);
  const digits = String(Math.round(Math.abs(value))).replace(/\B(?=(\d{3})+(?!\d))/g, ',');
  return value < 0 ? `−${digits}` : digits;
}

/** 18200 → "18.2k", 610000000 → "610M", 96600000000 → "96.6B". At least three significant digits. */
export function formatCompact(value: number, digits = 3): string {
  if (!Number.isFinite(value)) return nonFinite(value);
  const size = Math.abs(value);
  const sign = value < 0 ? '−' : '';
  if (size >= 1e18) return sign + size.toExponential(digits - 1);
  for (const [index, [unit, name]] of siPrefixes.entries()) {
    // 999,960 rounds to 1.00M, not to 1000k.
    if (size < unit * 0.9995) continue;
    const scaled = size / unit;
    const bigger = siPrefixes[index - 1];
    if (scaled >= 999.5 && bigger) return `${sign}1${bigger[1]}`;
    return sign + trimZeros(scaled.toFixed(digits - (scaled >= 99.95 ? 3 : scaled >= 9.995 ? 2 : 1))) + name;
  }
  return sign + trimZeros(size >= 100 ? size.toFixed(digits - 3) : size.toPrecision(digits));
}

/** A measured value: at least four significant digits, plain between 0.001 and a million, else with an exponent. */
export function formatValue(value: number, digits = 4): string {
  if (!Number.isFinite(value)) return nonFinite(value);
  if (value === 0) return '0';
  const size = Math.abs(value);
  const sign = value < 0 ? '−' : '';
  if (size < 1e-3) {
    const [mantissa, exponent] = size.toExponential(digits - 2).split('e');
    return `${sign}${trimZeros(mantissa!)}e−${exponent!.slice(1)}`;
  }
  if (size >= 1e6) {
    const [mantissa, exponent] = size.toExponential(digits - 1).split('e');
    return `${sign}${trimZeros(mantissa!)}e${exponent!.slice(1)}`;
  }
  if (size >= 9999.5) return sign + formatCount(size);
  return sign + size.toPrecision(digits);
}

/** A learning rate as one writes it, exact: 0.0005 → "5e-4", 0.003 → "3e-3", 0.25 → "0.25". */
export function formatLearningRate(rate: number): string {
  return Math.abs(rate) >= 0.1 || rate === 0 ? String(rate) : rate.toExponential();
}

/** A share in percent, exact: 0.4 → "40 %". */
export function formatShare(share: number): string {
  // 0.07 · 100 is 7.000000000000001.
  return `${Number((share * 100).toPrecision(12))} %`;
}

const byteUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** Bytes in binary units: 1536 → "1.5 KiB". */
export function formatBytes(bytes: number): string {
  let value = Math.max(0, bytes);
  let unit = 0;
  while (value >= 1023.5 && unit < byteUnits.length - 1) {
    value /= 1024;
    unit++;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : 1;
  return `${trimZeros(value.toFixed(digits))} ${byteUnits[unit]}`;
}

/**
 * Bytes that are compared, in one unit that suits all of them: 4 and 0.5 GiB → "4 GiB", "0.5 GiB". Where none does,
 * since one is many times the other, each in its own.
 */
export function formatBytesAlike<T extends readonly number[]>(bytes: T): { [K in keyof T]: string } {
  const said = bytes.filter((each) => each > 0);
  const scale = byteUnits.findLastIndex((_, unit) => Math.min(...said) >= 0.1 * 1024 ** unit);
  const suits = said.length > 0 && Math.max(...said) < 9999.5 * 1024 ** scale;
  const write = (each: number): string => {
    const value = Math.max(0, each) / 1024 ** scale;
    const digits = scale === 0 || value >= 99.95 ? 0 : value >= 0.995 ? 1 : 2;
    return `${value >= 999.5 ? formatCount(value) : trimZeros(value.toFixed(digits))} ${byteUnits[scale]}`;
  };
  return bytes.map(suits ? write : formatBytes) as { [K in keyof T]: string };
}

/** Seconds as the two largest units that say something: "48 s", "3 min 5 s", "4 h 10 min", "2 d 3 h". */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return 'unknown';
  const s = Math.max(0, seconds);
  if (s < 10) return `${trimZeros(s.toFixed(1))} s`;
  if (s < 59.5) return `${Math.round(s)} s`;
  const whole = Math.round(s);
  if (whole < 600) return two(Math.floor(whole / 60), 'min', whole % 60, 's');
  const minutes = Math.round(whole / 60);
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 24 * 60) return two(Math.floor(minutes / 60), 'h', minutes % 60, 'min');
  const hours = Math.round(minutes / 60);
  return two(Math.floor(hours / 24), 'd', hours % 24, 'h');
}

function two(a: number, aUnit: string, b: number, bUnit: string): string {
  return b === 0 ? `${a} ${aUnit}` : `${a} ${aUnit} ${b} ${bUnit}`;
}
