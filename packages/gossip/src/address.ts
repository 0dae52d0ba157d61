/*
 * IP addresses as text and as bytes (4 or 16). An IPv4 address in its IPv6 form counts as IPv4.
 * Source of the text of IPv6: RFC 5952.
 */

const [DOT, ZERO, NINE] = [0x2e, 0x30, 0x39];

/** Undefined when `text` is no IP literal. A zone (`%eth0`) is passed over. */
export function addressBytes(text: string): Uint8Array | undefined {
  const v4 = v4Bytes(text);
  if (v4 !== undefined || !text.includes(':')) return v4;
  const v6 = v6Bytes(text.split('%')[0]!);
  return v6 !== undefined && isMapped(v6) ? v6.slice(12) : v6;
}

/** Undefined when there are neither 4 nor 16 bytes. */
export function addressText(bytes: Uint8Array | null): string | undefined {
  if (bytes?.length === 4) return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}`;
  if (bytes?.length !== 16) return undefined;
  return isMapped(bytes) ? bytes.subarray(12).join('.') : v6Text(bytes);
}

/** `10.0.0.1:8301`, `[fe80::1]:8301`. */
export function hostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** A range of addresses, as in `10.0.0.0/8`. */
export interface Cidr {
  readonly bytes: Uint8Array;
  readonly bits: number;
}

/** Undefined when `text` is no CIDR. */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf('/');
  const bytes = slash < 0 ? undefined : addressBytes(text.slice(0, slash));
  const bitsText = text.slice(slash + 1);
  const bits = Number(bitsText);
  if (bytes === undefined || !/^\d{1,3}$/.test(bitsText) || bits > bytes.length * 8) return undefined;
  return { bytes, bits };
}

export function isWithin(address: Uint8Array, { bytes, bits }: Cidr): boolean {
  if (address.length !== bytes.length) return false;
  const whole = bits >>> 3;
  for (let i = 0; i < whole; i++) if (address[i] !== bytes[i]) return false;
  const rest = bits & 7;
  return rest === 0 || (address[whole]! ^ bytes[whole]!) >>> (8 - rest) === 0;
}

/** Four numbers of one to three digits, up to 255. */
function v4Bytes(text: string): Uint8Array | undefined {
  const out = new Uint8Array(4);
  let part = 0;
  let digits = 0;
  let value = 0;
  for (let i = 0; i <= text.length; i++) {
    const c = i < text.length ? text.charCodeAt(i) : DOT;
    if (c === DOT) {
      if (digits === 0 || value > 255 || part > 3) return undefined;
      out[part++] = value;
      digits = 0;
      value = 0;
    } else {
      if (c < ZERO || c > NINE || ++digits > 3) return undefined;
      value = value * 10 + c - ZERO;
    }
  }
  return part === 4 ? out : undefined;
}

function v6Bytes(text: string): Uint8Array | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = groups(halves[0]!);
  const tail = halves.length === 2 ? groups(halves[1]!) : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 16 - head.length - tail.length;
  if (halves.length === 2 ? missing < 2 : missing !== 0) return undefined;
  return Uint8Array.from([...head, ...new Array<number>(missing).fill(0), ...tail]);
}

function groups(text: string): number[] | undefined {
  if (text === '') return [];
  const out: number[] = [];
  const parts = text.split(':');
  for (const [i, part] of parts.entries()) {
    const v4 = i === parts.length - 1 ? v4Bytes(part) : undefined;
    if (v4 !== undefined) out.push(...v4);
    else if (/^[0-9a-fA-F]{1,4}$/.test(part))
      out.push(Number.parseInt(part, 16) >>> 8, Number.parseInt(part, 16) & 255);
    else return undefined;
  }
  return out;
}

function isMapped(b: Uint8Array): boolean {
  return b[10] === 0xff && b[11] === 0xff && b.subarray(0, 10).every((x) => x === 0);
}

function v6Text(bytes: Uint8Array): string {
  const words = Array.from({ length: 8 }, (_, i) => (bytes[2 * i]! << 8) | bytes[2 * i + 1]!);
  let best = { start: -1, length: 1 }; // A single zero group is not shortened.
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (start + length < 8 && words[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  const text = (part: readonly number[]): string => part.map((w) => w.toString(16)).join(':');
  if (best.start < 0) return text(words);
  return `${text(words.slice(0, best.start))}::${text(words.slice(best.start + best.length))}`;
}
