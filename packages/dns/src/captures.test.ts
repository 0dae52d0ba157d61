import type { Message } from '@proconsul/dns-wire';
import { describe, expect, test } from 'vitest';
import type { Registration } from './catalog.fixture.ts';
import { lines, type World, world } from './handler.fixture.ts';
import captures from './testdata/captures.json' with { type: 'json' };

interface CapturedRecord {
  readonly name: string;
  readonly type: string;
  readonly ttl: number;
  readonly data: unknown;
}

/** The line of a record as captured; what `lines` makes of ours must be the same. */
function capturedLine({ name, type, ttl, data }: CapturedRecord): string {
  let text = String(data);
  if (type === 'TXT') text = (data as string[]).map((part) => JSON.stringify(part)).join(' ');
  if (type === 'SRV') text = (data as unknown[]).join(' ');
  if (type === 'SOA') text = (data as unknown[]).filter((part) => part !== '<serial>').join(' ');
  return `${name} ${ttl} ${type} ${text}`;
}

function capturedLines(records: readonly CapturedRecord[]): string[] {
  return records
    .filter(({ type }) => type !== 'OPT')
    .map(capturedLine)
    .sort();
}

function prepared(group: (typeof captures.groups)[number]): World {
  const w = world();
  w.catalog.register({
    Node: 'agent-one',
    Address: '127.0.0.1',
    NodeMeta: { 'consul-network-segment': '', 'consul-version': '1.21.0' },
    Service: { ID: 'consul', Service: 'consul', Port: 18300 },
    Check: { Status: 'passing' },
  });
  w.catalog.serverNames = ['agent-one'];
  for (const body of group.register) w.catalog.register(body as unknown as Registration);
  for (const query of group.queries ?? []) {
    const answer = { service: query.Service, datacenter: 'dc1', ttl: undefined, ordered: false, perClient: false };
    w.catalog.queries.set(query.Name, answer);
  }
  return w;
}

describe.each(captures.groups)('recorded from the reference agent: $name', (group) => {
  const w = prepared(group);
  test.each(group.cases)('$title', async ({ name, type, tcp, edns, reply }) => {
    const options = { tcp, edns: edns > 0 ? { udpBytes: edns } : undefined };
    // Once from the catalog and once from the template.
    for (const message of [await w.ask(name, type, options), await w.ask(name, type, options)]) {
      expect(shape(message)).toEqual({
        rcode: reply.rcode,
        aa: reply.aa,
        tc: reply.tc,
        ra: reply.ra,
        question: reply.question[0]![0],
        answer: capturedLines(reply.answer),
        authority: capturedLines(reply.authority),
        additional: capturedLines(reply.additional),
        udpBytes: edns > 0 ? edns : undefined,
      });
    }
  });
});

function shape(message: Message) {
  return {
    rcode: message.rcode,
    aa: message.authoritative,
    tc: message.truncated,
    ra: message.recursionAvailable,
    question: message.questions[0]!.name,
    answer: lines(message.answers),
    authority: lines(message.authority),
    additional: lines(message.additional),
    udpBytes: message.edns?.udpBytes,
  };
}
