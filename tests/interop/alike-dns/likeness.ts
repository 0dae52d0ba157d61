import { decodeMessage, formatAddress, type ResourceRecord } from '@proconsul/dns-wire';

/** An answer in words, without order: what two agents must say alike. */
export interface Said {
  /** Flags, code, question, and how many records of which type and TTL are in which section. */
  readonly shape: string;
  readonly records: readonly string[];
}

const FLAGS = [
  'response',
  'authoritative',
  'truncated',
  'recursionDesired',
  'recursionAvailable',
  'authenticData',
  'checkingDisabled',
] as const;

export function said(bytes: Uint8Array | null, host: string): Said {
  if (bytes === null) return { shape: 'nothing', records: [] };
  const plain = (text: string) => hostless(text, host);
  try {
    // Not the Buffer that it came as: its parts would print themselves.
    const message = decodeMessage(new Uint8Array(bytes));
    const flags = FLAGS.filter((flag) => message[flag] === true).join(' ');
    const { opcode = 0, rcode = 0, questions, edns } = message;
    const sections = [message.answers, message.authority, message.additional];
    const counted = sections.map((section) => counts(section)).join(' | ');
    const opt =
      edns === undefined
        ? ''
        : ` edns ${edns.udpBytes} ${edns.version} ${edns.dnssecOk} ${edns.options?.map(({ code, data }) => `${code}:${Buffer.from(data).toString('hex')}`)}`;
    return {
      shape: plain(
        `rcode ${rcode} opcode ${opcode} [${flags}] ${questions.map((q) => `${q.name} ${q.type} ${q.class}`)}${opt} | ${counted}`,
      ),
      records: sections
        .flatMap((section, n) =>
          section.map((row) => plain(`${'answer authority additional'.split(' ')[n]} ${printed(row)}`)),
        )
        .sort(),
    };
  } catch (error) {
    return {
      shape: `unreadable ${(error as Error).message} ${Buffer.from(bytes.subarray(2, 12)).toString('hex')}`,
      records: [],
    };
  }
}

function counts(section: readonly ResourceRecord[]): string {
  const found = new Map<string, number>();
  for (const { kind, ttl } of section) found.set(`${kind}/${ttl}`, (found.get(`${kind}/${ttl}`) ?? 0) + 1);
  return [...found]
    .map(([what, count]) => `${count} ${what}`)
    .sort()
    .join(', ');
}

function printed(row: ResourceRecord): string {
  const { kind, name, ttl, class: cls = 1, ...data } = row;
  const text = JSON.stringify(data, (key, value) => {
    if (key === 'serial') return 'now';
    if (key === 'address') return formatAddress(value);
    return value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value;
  });
  return `${name} ${ttl} ${cls} ${kind} ${text}`;
}

/** The agents' own addresses are one. */
function hostless(text: string, host: string): string {
  const digits = host
    .split('.')
    .map((part) => Number(part).toString(16).padStart(2, '0'))
    .join('');
  return text.replaceAll(host, 'HOST').replaceAll(digits, 'HOSTHEX');
}

/** The same with what random choice among like records makes of them. */
export const masked = (record: string): string =>
  record
    .replaceAll(/[0-9a-f]{8,32}\.addr/g, 'HEX.addr')
    .replaceAll(/"address":"[^"]*:[^"]*"/g, '"address":"6"')
    .replaceAll(/\d+/g, '0');

/** Ours keeps its OPT record in an answer that was cut; the reference loses it. */
export const withoutOpt = (shape: string): string => shape.replace(/ edns [^|]*/, ' ');
