import {
  type Clock,
  type Endpoint,
  errorText,
  hex,
  type Log,
  type Metrics,
  type Rng,
  seededRng,
} from '@proconsul/base';
import {
  decodeMessage,
  type Edns,
  encodeClientSubnet,
  formatAddress,
  HEADER_BYTES,
  labelsName,
  type Name,
  OPTION_CLIENT_SUBNET,
  Rcode,
  type ResourceRecord,
  RRType,
  typeName,
  UDP_BYTES_PLAIN,
} from '@proconsul/dns-wire';
import { type Answer, makeAnswer, Reads } from './answer.ts';
import { parseQuery, plainReply, type Query, simpleFlags, simpleQuestionEnd, simpleUdpBytes } from './query.ts';
import { aRecordQuery, type Recursors } from './recursors.ts';
import { Resolver } from './resolver.ts';
import type { DnsSettings } from './settings.ts';
import type { DnsSource } from './source.ts';
import { type ReplyLimits, Template } from './template.ts';
import { TemplateCache } from './template-cache.ts';

export type Transport = 'udp' | 'tcp';

/** Left free in a UDP message to a client without EDNS. */
const UDP_SPARE_BYTES = 8;
/** Answers over UDP without EDNS, whatever the setting. */
export const UDP_ANSWERS_MAX = 8;
/** What IPv4 leaves of 65,535 bytes, less some room. */
export const UDP_BYTES_MAX = 65_467;
export const TCP_BYTES_MAX = 65_523;
export const TCP_ANSWERS_MAX = 4_096;
export const TCP_SRV_ANSWERS_MAX = 1_024;
/** A serial in a reply may be that old. */
const SERIAL_REUSE_MS = 1_000;
const SLAB_BYTES = 64 * 1024;

export interface HandlerDependencies {
  readonly source: DnsSource;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly recursors: Recursors;
  /** Whether to log every question at DEBUG; asked once for each. Default: never. */
  readonly logQueries?: () => boolean;
}

/**
 * DNS without sockets: a query in, a reply out. An answer that was given before, and whose views are still valid, is copied
 * together from its template at once; anything else goes through the resolver.
 */
export class DnsHandler {
  private readonly deps: HandlerDependencies;
  private readonly cache = new TemplateCache();
  /** Order needs no secrecy: a fast generator with a seed from the good one. */
  private readonly orderRng: Rng;
  private readonly labels: Readonly<Record<string, string>>;
  private resolver: Resolver;
  private slab = new Uint8Array(SLAB_BYTES);
  private slabAt = 0;

  constructor(settings: DnsSettings, deps: HandlerDependencies) {
    this.deps = deps;
    this.orderRng = seededRng(hex(deps.rng.bytes(16)));
    this.labels = { node: settings.nodeName };
    this.resolver = this.makeResolver(settings);
  }

  get settings(): DnsSettings {
    return this.resolver.settings;
  }

  /** Takes new settings over; questions under way end with the old ones. */
  reload(settings: DnsSettings): void {
    this.resolver = this.makeResolver(settings);
    this.deps.recursors.reload(settings);
    this.cache.clear();
  }

  /** Undefined means no reply. Never throws or rejects. `token` is for questions that bring their own. */
  handle(
    bytes: Uint8Array,
    from: Endpoint,
    transport: Transport,
    token?: string,
  ): Uint8Array | undefined | Promise<Uint8Array | undefined> {
    const start = this.deps.clock.now();
    const end = token === undefined ? simpleQuestionEnd(bytes) : -1;
    if (end > 0) {
      const limitKey = limitKeyOf(transport, simpleUdpBytes(bytes, end), bytes[11] === 1);
      const entry = this.cache.get(bytes, end, limitKey, start);
      if (entry !== undefined) {
        const id = (bytes[0]! << 8) | bytes[1]!;
        const reply = entry.template.render(id, simpleFlags(bytes), this.orderRng, this.allocate);
        this.deps.metrics.sample(entry.metric, this.deps.clock.now() - start, this.labels);
        if (this.deps.logQueries?.() === true) this.logCached(bytes, from, transport, start);
        return reply;
      }
    }
    const parsed = parseQuery(bytes);
    if (parsed === 'drop') return undefined;
    if ('reply' in parsed) return parsed.reply;
    // Memory of the datagram may be used again once we return.
    const packet = whole(bytes, parsed.query.question);
    const question = packet.subarray(HEADER_BYTES, HEADER_BYTES + parsed.query.question.length);
    return this.answer({ ...parsed.query, question }, packet, from, transport, token, start);
  }

  private async answer(
    query: Query,
    packet: Uint8Array,
    from: Endpoint,
    transport: Transport,
    token: string | undefined,
    start: number,
  ): Promise<Uint8Array | undefined> {
    const resolver = this.resolver;
    const name = labelsName(query.labels);
    const sourceAddress = query.subnet === undefined ? from.host : formatSubnet(query.subnet.address, from.host);
    const asked = { name, type: query.type, edns: query.edns !== undefined, sourceAddress, token };
    const resolution = await resolver.resolve(asked);
    let reply: Uint8Array;
    if (resolution === 'refuse') reply = plainReply(query, Rcode.REFUSED, 0);
    else if (resolution === 'forward') reply = await this.forward(query, packet, transport, resolver.settings);
    else reply = this.renderOrFail(query, name, resolution, transport, token, resolver.settings);
    this.report(query, name, from, transport, start, resolution);
    return reply;
  }

  private renderOrFail(
    query: Query,
    name: string,
    answer: Answer,
    transport: Transport,
    token: string | undefined,
    settings: DnsSettings,
  ): Uint8Array {
    try {
      return this.render(query, name, answer, transport, token, settings);
    } catch (error) {
      // Something in the catalog that DNS cannot carry and that nothing before has caught.
      this.deps.log.error('error encoding answer', { name, error: errorText(error) });
      return this.fail(query, transport, settings);
    }
  }

  private render(
    query: Query,
    name: string,
    answer: Answer,
    transport: Transport,
    token: string | undefined,
    settings: DnsSettings,
  ): Uint8Array {
    const edns = echoEdns(query, answer);
    const limits = replyLimits(transport, query, settings);
    const template = new Template(query.question, name, answer, {
      compress: !settings.disableCompression,
      enableTruncate: settings.enableTruncate,
      recursionAvailable: settings.recursors.length > 0,
      limits: answer.counted ? limits : { ...limits, answersMax: Number.POSITIVE_INFINITY },
      edns,
    });
    const simple = query.edns === undefined || (query.edns.options?.length ?? 0) === 0;
    if (answer.reusable && simple && token === undefined && settings === this.resolver.settings && answer.reads.valid) {
      const limitKey = limitKeyOf(transport, query.edns?.udpBytes ?? 0, query.edns !== undefined);
      const freshUntil = answer.timed ? this.deps.clock.now() + SERIAL_REUSE_MS : Number.POSITIVE_INFINITY;
      const entry = {
        template,
        reads: answer.reads,
        freshUntil,
        question: query.question,
        limitKey,
        metric: metricOf(name),
      };
      this.cache.set(entry, answer.rcode !== Rcode.NOERROR);
    }
    return template.render(query.id, query.flags, this.orderRng, this.allocate);
  }

  private async forward(
    query: Query,
    packet: Uint8Array,
    transport: Transport,
    settings: DnsSettings,
  ): Promise<Uint8Array> {
    const reply = await this.deps.recursors.forward(packet, transport);
    return reply ?? this.fail(query, transport, settings);
  }

  private fail(query: Query, transport: Transport, settings: DnsSettings): Uint8Array {
    const edns = query.edns === undefined ? undefined : { udpBytes: query.edns.udpBytes };
    const failed: Answer = { ...EMPTY, rcode: Rcode.SERVFAIL, authoritative: false };
    const limits = replyLimits(transport, query, settings);
    const options = {
      compress: true,
      enableTruncate: false,
      recursionAvailable: settings.recursors.length > 0,
      limits,
      edns,
    };
    const template = new Template(query.question, labelsName(query.labels), failed, options);
    return template.render(query.id, query.flags, this.orderRng, this.allocate);
  }

  /** Replies are pieces of one block, which is left to the garbage collector when full: sockets may still hold them. */
  private readonly allocate = (size: number): Uint8Array => {
    if (size > SLAB_BYTES / 4) return new Uint8Array(size);
    if (this.slabAt + size > SLAB_BYTES) {
      this.slab = new Uint8Array(SLAB_BYTES);
      this.slabAt = 0;
    }
    const piece = this.slab.subarray(this.slabAt, this.slabAt + size);
    this.slabAt += size;
    return piece;
  };

  private makeResolver(settings: DnsSettings): Resolver {
    const { source, clock, log } = this.deps;
    return new Resolver(settings, {
      source,
      clock,
      rng: this.orderRng,
      log,
      lookupOutside: (name) => this.lookupOutside(name),
    });
  }

  private async lookupOutside(name: string): Promise<readonly ResourceRecord[]> {
    const reply = await this.deps.recursors.forward(aRecordQuery(name), 'udp');
    if (reply === undefined) return [];
    try {
      return decodeMessage(reply).answers;
    } catch {
      return [];
    }
  }

  private report(
    query: Query,
    name: string,
    from: Endpoint,
    transport: Transport,
    start: number,
    resolution: Answer | 'forward' | 'refuse',
  ): void {
    const { clock, metrics } = this.deps;
    metrics.sample(metricOf(name), clock.now() - start, this.labels);
    if (typeof resolution === 'object' && resolution.reads.stale) metrics.count('dns.stale_queries', 1, this.labels);
    if (this.deps.logQueries?.() === true) this.logQuery(query, from, transport, start);
  }

  private logQuery(query: Query, from: Endpoint, transport: Transport, start: number): void {
    this.deps.log.debug('request served from client', {
      name: labelsName(query.labels),
      type: typeName(query.type),
      class: 'IN',
      latency: `${(this.deps.clock.now() - start).toFixed(3)}ms`,
      client: `${from.host}:${from.port}`,
      client_network: transport,
    });
  }

  private logCached(bytes: Uint8Array, from: Endpoint, transport: Transport, start: number): void {
    const parsed = parseQuery(bytes);
    if (parsed !== 'drop' && 'query' in parsed) this.logQuery(parsed.query, from, transport, start);
  }
}

/** A copy of the packet. One that ended within its question has been given the rest, and announces nothing behind it. */
function whole(bytes: Uint8Array, question: Uint8Array): Uint8Array {
  if (HEADER_BYTES + question.length <= bytes.length) return bytes.slice();
  const out = new Uint8Array(HEADER_BYTES + question.length);
  out.set(bytes.subarray(0, 6));
  out.set(question, HEADER_BYTES);
  return out;
}

function metricOf(name: Name): string {
  return /(^|\.)arpa\.$/i.test(name) ? 'dns.ptr_query' : 'dns.domain_query';
}

const EMPTY: Answer = makeAnswer({ reads: new Reads() });

/** Limits under which two questions may share a template. */
function limitKeyOf(transport: Transport, udpBytes: number, edns: boolean): number {
  return (transport === 'tcp' ? 0x40000 : 0) | (edns ? 0x20000 | udpBytes : 0);
}

/** Source: section "size limits" of the description of the reference agent's DNS; RFC 1035 section 2.3.4, RFC 6891. */
function replyLimits(transport: Transport, query: Query, settings: DnsSettings): ReplyLimits {
  if (transport === 'tcp') {
    const answersMax = query.type === RRType.SRV ? TCP_SRV_ANSWERS_MAX : TCP_ANSWERS_MAX;
    return { bytesMax: TCP_BYTES_MAX, answersMax, countPlain: false };
  }
  const udpBytes = query.edns?.udpBytes ?? 0;
  if (udpBytes > UDP_BYTES_PLAIN) {
    return { bytesMax: Math.min(udpBytes, UDP_BYTES_MAX), answersMax: Number.POSITIVE_INFINITY, countPlain: false };
  }
  const answersMax = Math.min(UDP_ANSWERS_MAX, settings.udpAnswerLimit);
  return { bytesMax: UDP_BYTES_PLAIN - UDP_SPARE_BYTES, answersMax, countPlain: true };
}

/** The OPT record of a reply: there when the query had one, with its size and its client subnet. */
function echoEdns(query: Query, answer: Answer): Edns | undefined {
  if (query.edns === undefined) return undefined;
  const { udpBytes } = query.edns;
  if (query.subnet === undefined) return { udpBytes };
  const scopeBits = answer.scope === 'source' ? query.subnet.sourceBits : 0;
  return {
    udpBytes,
    options: [{ code: OPTION_CLIENT_SUBNET, data: encodeClientSubnet({ ...query.subnet, scopeBits }) }],
  };
}

/** Family 0 says that the client does not want to be known. */
function formatSubnet(address: Uint8Array, peer: string): string {
  return address.length === 0 ? peer : formatAddress(address);
}
