/** Numbers that IANA assigns. Source: RFC 1035 section 3.2, RFC 3596, RFC 2782, RFC 6891, RFC 1995, RFC 6895. */
export const RRType = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  OPT: 41,
  IXFR: 251,
  AXFR: 252,
  ANY: 255,
} as const;

export const CLASS_IN = 1;

export const Opcode = { QUERY: 0, NOTIFY: 4 } as const;

export const Rcode = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 } as const;

export const RCODE_NAMES = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED'] as const;

const TYPE_NAMES: ReadonlyMap<number, string> = new Map(Object.entries(RRType).map(([name, number]) => [number, name]));

/** The mnemonic of a type, or `TYPE65` where we know none (RFC 3597 section 5). */
export function typeName(type: number): string {
  return TYPE_NAMES.get(type) ?? `TYPE${type}`;
}

export const HEADER_BYTES = 12;
/** The longest name on the wire, lengths and root included. RFC 1035 section 2.3.4. */
export const NAME_BYTES_MAX = 255;
export const LABEL_BYTES_MAX = 63;
/** The longest message that the two-byte length of TCP can announce. */
export const MESSAGE_BYTES_MAX = 65_535;
/** What a client that says nothing about its buffer accepts over UDP. RFC 1035 section 2.3.4. */
export const UDP_BYTES_PLAIN = 512;
