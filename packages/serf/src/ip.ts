/**
 * An IP literal as 4 or 16 bytes; undefined when it is none. Mapped addresses (`::ffff:1.2.3.4`) become 4 bytes.
 * Source: RFC 4291 section 2.2.
 */
export function ipToBytes(text: string): Uint8Array | undefined {
  if (!text.includes(':')) return ipv4(text);
  const zoneless = text.split('%')[0] as string;
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(zoneless);
  let groups = zoneless;
  if (dotted !== null) {
    const last = ipv4(dotted[2] as string);
    if (last === undefined) return undefined;
    groups = `${dotted[1]}${((last[0]! << 8) | last[1]!).toString(16)}:${((last[2]! << 8) | last[3]!).toString(16)}`;
  }
  const words = ipv6Words(groups);
  if (words === undefined) return undefined;
  const bytes = new Uint8Array(16);
  words.forEach((word, i) => {
    bytes[2 * i] = word >> 8;
    bytes[2 * i + 1] = word & 0xff;
  });
  return isMapped(bytes) ? bytes.slice(12) : bytes;
}

/** The literal of 4 or 16 bytes, IPv6 in its canonical form (RFC 5952); undefined for other lengths. */
export function ipFromBytes(bytes: Uint8Array): string | undefined {
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.length !== 16) return undefined;
  if (isMapped(bytes)) return bytes.subarray(12).join('.');
  const words = Array.from({ length: 8 }, (_, i) => (bytes[2 * i]! << 8) | bytes[2 * i + 1]!);
  const { start, length } = longestZeros(words);
  const text = (part: number[]) => part.map((w) => w.toString(16)).join(':');
  if (length < 2) return text(words);
  return `${text(words.slice(0, start))}::${text(words.slice(start + length))}`;
}

/** `127.0.0.1:80`, `[::1]:80`. */
export function hostPort(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** The parts of what {@link hostPort} writes; undefined for anything else. */
export function splitHostPort(text: string): { host: string; port: number } | undefined {
  const m = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  if (m === null) return undefined;
  const port = Number(m[3]);
  return port > 0xffff ? undefined : { host: (m[1] ?? m[2]) as string, port };
}

function ipv4(text: string): Uint8Array | undefined {
  if (!/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) return undefined;
  const parts = text.split('.').map(Number);
  return parts.some((part) => part > 255) ? undefined : Uint8Array.from(parts);
}

function ipv6Words(text: string): number[] | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const parse = (half: string) => (half === '' ? [] : half.split(':'));
  const head = parse(halves[0] as string);
  const tail = halves.length === 2 ? parse(halves[1] as string) : [];
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const words = [...head, ...Array<string>(missing).fill('0'), ...tail];
  if (words.some((word) => !/^[0-9a-fA-F]{1,4}$/.test(word))) return undefined;
  return words.map((word) => Number.parseInt(word, 16));
}

function isMapped(bytes: Uint8Array): boolean {
  return bytes[10] === 0xff && bytes[11] === 0xff && bytes.subarray(0, 10).every((b) => b === 0);
}

function longestZeros(words: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let at = 0; at < words.length; at++) {
    let length = 0;
    while (words[at + length] === 0) length++;
    if (length > best.length) best = { start: at, length };
  }
  return best;
}
