const UNIT_NS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

const PART = /^(\d*)(?:\.(\d*))?([a-z\u00b5\u03bc]+)/;

/**
 * Nanoseconds of a duration as Go writes it: `300ms`, `-1.5h`, `2h45m`; `0` alone needs no unit.
 * A number: exact to 2^53 ns (104 days), rounded beyond. Undefined when the text is not a duration or passes 2^63 ns.
 * Source: documentation of Go's time.ParseDuration.
 */
export function parseDuration(text: string): number | undefined {
  let rest = text;
  let sign = 1;
  if (rest[0] === '-' || rest[0] === '+') {
    if (rest[0] === '-') sign = -1;
    rest = rest.slice(1);
  }
  if (rest === '0') return 0;
  if (rest === '') return undefined;
  let total = 0;
  while (rest !== '') {
    const m = PART.exec(rest);
    if (!m) return undefined;
    const [whole, int = '', frac = '', unit = ''] = m;
    const ns = UNIT_NS[unit];
    if (ns === undefined || (int === '' && frac === '')) return undefined;
    total += Number(int || '0') * ns;
    if (frac !== '') total += Math.trunc(Number(`0.${frac}`) * ns);
    if (total > 2 ** 63) return undefined;
    rest = rest.slice(whole.length);
  }
  return sign * total || 0;
}

const utf8 = new TextEncoder();

/** Quoted as Go's time package does: bytes outside printable ASCII as `\xNN`. */
function quoteBytes(text: string): string {
  let out = '"';
  for (const byte of utf8.encode(text)) {
    if (byte === 0x22 || byte === 0x5c) out += `\\${String.fromCharCode(byte)}`;
    else if (byte < 0x20 || byte >= 0x7f) out += `\\x${byte.toString(16).padStart(2, '0')}`;
    else out += String.fromCharCode(byte);
  }
  return `${out}"`;
}

/** The error text of Go for a duration that does not parse. */
export function durationError(text: string): string {
  const quoted = quoteBytes(text);
  if (/^[-+]?[0-9.]+$/.test(text) && /[0-9]/.test(text)) return `time: missing unit in duration ${quoted}`;
  const unit = /^[-+]?[0-9]*\.?[0-9]+([^0-9.]+)/.exec(text)?.[1];
  if (unit !== undefined && UNIT_NS[unit] === undefined) {
    return `time: unknown unit ${quoteBytes(unit)} in duration ${quoted}`;
  }
  return `time: invalid duration ${quoted}`;
}

/** Writes nanoseconds as Go does: `0s`, `1.5s`, `200ms`, `72h0m0s`. Source: documentation of Go's Duration.String. */
export function formatDuration(ns: number): string {
  if (ns === 0) return '0s';
  const sign = ns < 0 ? '-' : '';
  const n = Math.abs(ns);
  const trim = (x: number, digits: number) => {
    const whole = Math.floor(x);
    const frac = String(Math.round((x - whole) * 10 ** digits))
      .padStart(digits, '0')
      .replace(/0+$/, '');
    return frac === '' ? String(whole) : `${whole}.${frac}`;
  };
  if (n < 1e3) return `${sign}${n}ns`;
  if (n < 1e6) return `${sign}${trim(n / 1e3, 3)}µs`;
  if (n < 1e9) return `${sign}${trim(n / 1e6, 6)}ms`;
  const hours = Math.floor(n / 3600e9);
  const minutes = Math.floor((n % 3600e9) / 60e9);
  const seconds = trim((n % 60e9) / 1e9, 9);
  if (hours > 0) return `${sign}${hours}h${minutes}m${seconds}s`;
  if (minutes > 0) return `${sign}${minutes}m${seconds}s`;
  return `${sign}${seconds}s`;
}
