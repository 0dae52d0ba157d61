import { readFileSync } from 'node:fs';
import { fromUtf8, hex, ProtocolError, unhex } from '@proconsul/base';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RaftRequest, RaftResponse } from '../core/messages.ts';
import { LogType } from '../entry.ts';
import { MessageBuffer } from './message-buffer.ts';
import { decodeRequest, encodeRequest, KIND_OF } from './request-codec.ts';
import { decodeResponse, encodeResponse } from './response-codec.ts';

interface Vector {
  readonly name: string;
  readonly request_hex: string;
  readonly response_hex: string;
  readonly response: readonly [string, { readonly Addr: string | null; readonly ID: string | null }];
}

const { vectors } = JSON.parse(readFileSync(new URL('../testdata/raft-rpc.json', import.meta.url), 'utf8')) as {
  vectors: Vector[];
};

/** Recorded times with their nanoseconds as precise as a double of milliseconds keeps them. */
function roundTimes(text: string): string {
  return text.replace(/(af01[0-9a-f]{16})([0-9a-f]{8})(0000)/g, (_all, head: string, nanos: string, zone: string) => {
    const seconds = Number(BigInt(`0x${head.slice(4)}`) - 62_135_596_800n);
    const ms = seconds * 1000 + Number.parseInt(nanos, 16) / 1e6;
    const kept = Math.round((ms - seconds * 1000) * 1e6);
    return head + kept.toString(16).padStart(8, '0') + zone;
  });
}

describe('requests and answers recorded from a real cluster', () => {
  test.for(vectors.map((v, i) => [`${i} ${v.name}`, v] as const))('%s: the request, both ways', ([, v]) => {
    const bytes = unhex(v.request_hex);
    const { request, protocolVersion } = decodeRequest(KIND_OF[bytes[0]!]!, bytes.subarray(1));
    expect(protocolVersion).toBe(3);
    expect(hex(encodeRequest(request))).toBe(roundTimes(v.request_hex));
  });

  test.for(vectors.map((v, i) => [`${i} ${v.name}`, v] as const))('%s: the answer, both ways', ([, v]) => {
    const bytes = unhex(v.request_hex);
    const { request } = decodeRequest(KIND_OF[bytes[0]!]!, bytes.subarray(1));
    const received = decodeResponse(request, unhex(v.response_hex));
    if (received.error !== undefined) throw new Error(received.error);
    const responder = { id: v.response[1].ID ?? '', address: v.response[1].Addr ?? '' };
    expect(hex(encodeResponse(received.response, responder))).toBe(v.response_hex);
  });

  test('entries carry type, data, extensions and time', () => {
    const vector = vectors.find((v) => v.name.startsWith('AppendEntries entries=command '));
    const { request } = decodeRequest('append-entries', unhex(vector!.request_hex).subarray(1));
    if (request.kind !== 'append-entries' || !request.entries) throw new Error('not entries');
    const entry = request.entries[0]!;
    expect(entry).toMatchObject({ index: 4, term: 2, type: LogType.command });
    expect(entry.extensions).toBeUndefined();
    expect(fromUtf8(entry.data)).toContain('global-management');
    expect(new Date(entry.appendedAtMs!).getUTCFullYear()).toBeGreaterThanOrEqual(2024);
  });
});

const index = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const name = fc.string({ minLength: 1, maxLength: 40 });
const header = { from: name, address: name, term: index };
const bytes = fc.uint8Array({ maxLength: 300 });
const entry = fc.record(
  {
    index,
    term: index,
    type: fc.constantFrom(0, 1, 4, 5),
    data: bytes,
    extensions: bytes,
    appendedAtMs: fc.integer({ min: 0, max: 4e12 }),
  },
  { requiredKeys: ['index', 'term', 'type', 'data', 'appendedAtMs'] },
);
const server = fc.record({ id: name, address: name, suffrage: fc.constantFrom('voter', 'nonvoter', 'staging') });
const anyRequest: fc.Arbitrary<RaftRequest> = fc.oneof(
  fc.record({
    kind: fc.constant('append-entries'),
    ...header,
    prevLogIndex: index,
    prevLogTerm: index,
    entries: fc.array(entry, { maxLength: 5 }),
    leaderCommit: index,
  }),
  fc.record({
    kind: fc.constant('append-entries'),
    ...header,
    prevLogIndex: fc.constant(0),
    prevLogTerm: fc.constant(0),
    entries: fc.constant(null),
    leaderCommit: fc.constant(0),
  }),
  fc.record({
    kind: fc.constant('request-vote'),
    ...header,
    lastLogIndex: index,
    lastLogTerm: index,
    leadershipTransfer: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('request-pre-vote'), ...header, lastLogIndex: index, lastLogTerm: index }),
  fc.record({
    kind: fc.constant('install-snapshot'),
    ...header,
    lastLogIndex: index,
    lastLogTerm: index,
    configuration: fc.record({ servers: fc.array(server, { maxLength: 5 }) }),
    configurationIndex: index,
    sizeBytes: index,
  }),
  fc.record({ kind: fc.constant('timeout-now'), from: name, address: name }),
) as fc.Arbitrary<RaftRequest>;

const anyResponse: fc.Arbitrary<RaftResponse> = fc.oneof(
  fc.record({
    kind: fc.constant('append-entries'),
    term: index,
    lastLog: index,
    success: fc.boolean(),
    noRetryBackoff: fc.boolean(),
  }),
  fc.record({ kind: fc.constantFrom('request-vote', 'request-pre-vote'), term: index, granted: fc.boolean() }),
  fc.record({ kind: fc.constant('install-snapshot'), term: index, success: fc.boolean() }),
  fc.constant({ kind: 'timeout-now' }),
) as fc.Arbitrary<RaftResponse>;

describe('any bytes', () => {
  test('a request survives the way there', () => {
    fc.assert(
      fc.property(anyRequest, (request) => {
        const wire = encodeRequest(request);
        expect(decodeRequest(KIND_OF[wire[0]!]!, wire.subarray(1)).request).toEqual(request);
      }),
      { numRuns: 300 },
    );
  });

  test('an answer survives the way back', () => {
    fc.assert(
      fc.property(anyResponse, (response) => {
        const wire = encodeResponse(response, { id: 'a', address: 'b:1' });
        const request = { kind: response.kind } as RaftRequest;
        expect(decodeResponse(request, wire)).toEqual({ response });
      }),
      { numRuns: 300 },
    );
  });

  test('bytes that are no request throw ProtocolError and nothing else, cut or flipped', () => {
    fc.assert(
      fc.property(anyRequest, fc.nat(), fc.nat({ max: 255 }), fc.boolean(), (request, at, value, isCut) => {
        const wire = encodeRequest(request).slice();
        const where = 1 + (at % (wire.length - 1));
        let body = wire;
        if (isCut) body = wire.slice(0, where);
        else body[where] = value;
        try {
          decodeRequest(KIND_OF[wire[0]!]!, body.subarray(1));
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test('messages are found in a stream however it is cut into pieces', () => {
    fc.assert(
      fc.property(
        fc.array(anyResponse, { minLength: 1, maxLength: 6 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 40 })),
        (responses, sizes) => {
          const wires = responses.map((r) => encodeResponse(r, { id: 'a', address: 'b:1' }));
          const all = Buffer.concat(wires);
          const buffer = new MessageBuffer();
          const found: string[] = [];
          for (let at = 0; at < all.length; ) {
            const size = sizes.next().value as number;
            buffer.add(all.subarray(at, at + size));
            at += size;
            for (;;) {
              const message = buffer.values(2, 1 << 20);
              if (!message) break;
              found.push(hex(message));
            }
          }
          expect(found).toEqual(wires.map(hex));
          expect(buffer.size).toBe(0);
        },
      ),
      { numRuns: 200 },
    );
  });

  test('a length that is not there yet reserves nothing, and one past the limit is refused', () => {
    const buffer = new MessageBuffer();
    buffer.add(unhex('dbffffffff'));
    expect(buffer.values(1, 1000)).toBeUndefined();
    buffer.add(new Uint8Array(1000));
    expect(() => buffer.values(1, 1000)).toThrow('a message of more than 1000 bytes');
  });

  test('old peer changes are refused: this protocol never writes them', () => {
    const request: RaftRequest = {
      kind: 'append-entries',
      from: 'a',
      address: 'a:1',
      term: 1,
      prevLogIndex: 0,
      prevLogTerm: 0,
      entries: [{ index: 1, term: 1, type: 2, data: new Uint8Array(1) }],
      leaderCommit: 0,
    };
    expect(() => decodeRequest('append-entries', encodeRequest(request).subarray(1))).toThrow('unsupported type 2');
  });

  test('a server that does not know pre-votes counts as granting one, and only one', () => {
    const wire = encodeResponse(
      { kind: 'request-pre-vote', term: 0, granted: false },
      { id: '', address: '' },
      'unexpected command',
    );
    const request = { kind: 'request-pre-vote', term: 7 } as RaftRequest;
    expect(decodeResponse(request, wire)).toEqual({ response: { kind: 'request-pre-vote', term: 7, granted: true } });
    expect(decodeResponse({ kind: 'request-vote', term: 7 } as RaftRequest, wire)).toEqual({
      error: 'unexpected command',
    });
  });
});
