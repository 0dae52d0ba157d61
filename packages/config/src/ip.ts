/** An IP address as 4 or 16 bytes. IPv4-mapped IPv6 addresses become IPv4, as in Go's net package. */
export interface Ip {
  readonly bytes: readonly number[];
  /** Canonical text (RFC 5952). */
  readonly text: string;
}

/** Reads an IPv4 or IPv6 address without zone. Undefined when the text is neither. */
export function parseIp(text: string): Ip | undefined {
  const bytes = text.includes(':') ? parseV6(text) : parseV4(text);
  if (bytes === undefined) return undefined;
  const isMapped =
    bytes.length === 16 && bytes.slice(0, 10).every((b) => b === 0) && bytes[10] === 255 && bytes[11] === 255;
  const short = isMapped ? bytes.slice(12) : bytes;
  return { bytes: short, text: formatIp(short) };
}

export function isV4(ip: Ip): boolean {
  return ip.bytes.length === 4;
}

/** 0.0.0.0 or :: */
export function isUnspecified(ip: Ip): boolean {
  return ip.bytes.every((byte) => byte === 0);
}

function parseV4(text: string): number[] | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  const bytes = parts.map((part) => (/^(0|[1-9]\d{0,2})$/.test(part) ? Number(part) : 256));
  return bytes.every((byte) => byte < 256) ? bytes : undefined;
}

function parseV6(text: string): number[] | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = groups(halves[0]!, halves.length === 1);
  const tail = halves.length === 2 ? groups(halves[1]!, true) : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 16 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 2) return undefined;
  return [...head, ...Array<number>(missing).fill(0), ...tail];
}

/** The bytes of colon-separated groups; the last one may be an IPv4 address where `mayEndV4`. */
function groups(text: string, mayEndV4: boolean): number[] | undefined {
  if (text === '') return [];
  const parts = text.split(':');
  const out: number[] = [];
  for (const [index, part] of parts.entries()) {
    if (mayEndV4 && index === parts.length - 1 && part.includes('.')) {
      const v4 = parseV4(part);
      if (v4 === undefined) return undefined;
      out.push(...v4);
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(part)) return undefined;
      const group = Number.parseInt(part, 16);
      out.push(group >> 8, group & 255);
    }
  }
  return out;
}

function formatIp(bytes: readonly number[]): string {
  if (bytes.length === 4) return bytes.join('.');
  const words = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i]! << 8) | bytes[2 * i + 1]!).toString(16));
  const { start, length } = longestZeros(words);
  if (length < 2) return words.join(':');
  return `${words.slice(0, start).join(':')}::${words.slice(start + length).join(':')}`;
}

function longestZeros(words: readonly string[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < words.length; start++) {
    let length = 0;
    while (words[start + length] === '0') length++;
    if (length > best.length) best = { start, length };
  }
  return best;
}

/** A network: an address and the length of its prefix. */
export interface Cidr {
  readonly ip: Ip;
  readonly prefixLength: number;
}

/** Reads `10.0.0.0/8`. Undefined when the text is not a network. */
export function parseCidr(text: string): Cidr | undefined {
  const [address = '', length = '', ...more] = text.split('/');
  const ip = parseIp(address);
  if (ip === undefined || more.length > 0 || !/^(0|[1-9]\d{0,2})$/.test(length)) return undefined;
  const prefixLength = Number(length);
  return prefixLength <= ip.bytes.length * 8 ? { ip, prefixLength } : undefined;
}

export function contains({ ip: network, prefixLength }: Cidr, ip: Ip): boolean {
  if (network.bytes.length !== ip.bytes.length) return false;
  for (let bit = 0; bit < prefixLength; bit++) {
    const mask = 128 >> (bit & 7);
    if (((network.bytes[bit >> 3]! ^ ip.bytes[bit >> 3]!) & mask) !== 0) return false;
  }
  return true;
}

/** A network as Go prints it: bits beyond the prefix are zero. */
export function formatCidr({ ip, prefixLength }: Cidr): string {
  const bytes = ip.bytes.map((byte, index) => {
    const bits = Math.min(8, Math.max(0, prefixLength - 8 * index));
    return byte & (256 - 2 ** (8 - bits));
  });
  return `${formatIp(bytes)}/${prefixLength}`;
}

const PRIVATE = [
  ...['10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24', '192.0.2.0/24'],
  ...['192.168.0.0/16', '::1/128', 'fe80::/10', 'fc00::/7', 'fec0::/10', '2001:db8::/32'],
].map((text) => parseCidr(text)!);

/** Inside one of the ranges that are not routed on the Internet. Source: RFC 6890 and the specification of Consul. */
export function isPrivate(ip: Ip): boolean {
  return PRIVATE.some((network) => contains(network, ip));
}

/** `1.2.3.4:80`, `[::1]:80`. */
export function joinHostPort(ip: string, port: number): string {
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;
}
