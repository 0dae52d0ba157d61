import {
  type Clock,
  type Endpoint,
  fromUtf8,
  type Log,
  type Metrics,
  type Network,
  NetworkError,
  noMetrics,
  seededRng,
  silentLog,
} from '@proconsul/base';
import {
  decodeMessage,
  type Edns,
  encodeMessage,
  formatAddress,
  type Message,
  type ResourceRecord,
  RRType,
  typeName,
} from '@proconsul/dns-wire';
import { FixtureCatalog } from './catalog.fixture.ts';
import { DnsHandler, type Transport } from './handler.ts';
import { Recursors } from './recursors.ts';
import { DEFAULT_DNS_SETTINGS, type DnsSettings } from './settings.ts';

/** 2026-01-01T00:00:00Z. */
export const START_MS = 1_767_225_600_000;

export class FixtureClock implements Clock {
  ms = 0;
  private timers: { at: number; fn: () => void; cancelled: boolean }[] = [];
  now(): number {
    return this.ms;
  }
  wallMs(): number {
    return START_MS + this.ms;
  }
  after(delayMs: number, fn: () => void) {
    const timer = { at: this.ms + delayMs, fn, cancelled: false };
    this.timers.push(timer);
    return {
      cancel() {
        timer.cancelled = true;
      },
    };
  }
  advance(ms: number): void {
    this.ms += ms;
    const due = this.timers.filter((timer) => timer.at <= this.ms);
    this.timers = this.timers.filter((timer) => timer.at > this.ms);
    for (const timer of due) if (!timer.cancelled) timer.fn();
  }
}

export const noNetwork: Network = {
  listen: () => Promise.reject(new NetworkError('EACCES', 'no network')),
  dial: () => Promise.reject(new NetworkError('EACCES', 'no network')),
  bindUdp: () => Promise.reject(new NetworkError('EACCES', 'no network')),
};

export interface World {
  readonly catalog: FixtureCatalog;
  readonly clock: FixtureClock;
  readonly handler: DnsHandler;
  readonly recursors: Recursors;
  ask(name: string, type: string, options?: AskOptions): Promise<Message>;
  askRaw(bytes: Uint8Array, transport?: Transport): Promise<Uint8Array | undefined>;
}

export interface AskOptions {
  readonly tcp?: boolean;
  readonly edns?: Edns | undefined;
  readonly class?: number;
}

export const CLIENT: Endpoint = { host: '127.0.0.1', port: 5353 };

export function world(
  settings: Partial<DnsSettings> = {},
  parts: { network?: Network; log?: Log; metrics?: Metrics } = {},
): World {
  const catalog = new FixtureCatalog();
  const clock = new FixtureClock();
  const all: DnsSettings = { ...DEFAULT_DNS_SETTINGS, nodeName: 'agent-one', ...settings };
  const rng = seededRng(1);
  const log = parts.log ?? silentLog;
  const recursors = new Recursors(all, { network: parts.network ?? noNetwork, clock, rng, log });
  const deps = { source: catalog, clock, rng, log, metrics: parts.metrics ?? noMetrics, recursors };
  const handler = new DnsHandler(all, deps);
  const askRaw = async (bytes: Uint8Array, transport: Transport = 'udp') => handler.handle(bytes, CLIENT, transport);
  return {
    catalog,
    clock,
    handler,
    recursors,
    askRaw,
    ask: async (name, type, options = {}) => {
      const reply = await askRaw(question(name, type, options), options.tcp ? 'tcp' : 'udp');
      if (reply === undefined) throw new Error(`no reply for ${name}`);
      return decodeMessage(reply);
    },
  };
}

export function question(name: string, type: string, options: AskOptions = {}): Uint8Array {
  const number = { ...RRType, HTTPS: 65 }[type];
  if (number === undefined) throw new Error(`unknown type ${type}`);
  return encodeMessage({
    id: 0x1234,
    recursionDesired: true,
    questions: [{ name: name.endsWith('.') ? name : `${name}.`, type: number, class: options.class ?? 1 }],
    answers: [],
    authority: [],
    additional: [],
    ...(options.edns === undefined ? {} : { edns: options.edns }),
  });
}

/** A record as one line: name, type, TTL and data. The serial of a SOA is left out. */
export function line(record: ResourceRecord): string {
  const type = record.kind === 'OTHER' ? typeName(record.type) : record.kind;
  return `${record.name} ${record.ttl} ${type} ${dataText(record)}`;
}

export function lines(records: readonly ResourceRecord[]): string[] {
  return records.map(line).sort();
}

function dataText(record: ResourceRecord): string {
  switch (record.kind) {
    case 'A':
    case 'AAAA':
      return formatAddress(record.address);
    case 'TXT':
      return record.texts.map((text) => JSON.stringify(fromUtf8(text))).join(' ');
    case 'SRV':
      return `${record.priority} ${record.weight} ${record.port} ${record.target}`;
    case 'SOA':
      return `${record.mname} ${record.rname} ${record.refresh} ${record.retry} ${record.expire} ${record.minimum}`;
    case 'OTHER':
      return String(record.data);
    default:
      return record.target;
  }
}
