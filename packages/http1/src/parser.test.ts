import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hardCases } from './hard-cases.ts';
import { RequestParser } from './parser.ts';

/** Feeds the pieces and writes down what comes out, in the notation of the hard cases. */
function run(pieces: readonly Uint8Array[], parser = new RequestParser()): string[] {
  const out: string[] = [];
  let body = '';
  const pull = (): boolean => {
    for (;;) {
      const event = parser.next();
      if (event === 'more') return true;
      if (event === 'fault') {
        out.push(String(parser.fault?.status));
        return false;
      }
      if (event === 'data') {
        expect(parser.data.length).toBeGreaterThan(0);
        body += parser.data.toString('latin1');
        continue;
      }
      if (event === 'head') body = '';
      if (event === 'end' || !parser.hasBody) out.push(`${parser.method} ${parser.target} ${body}`);
    }
  };
  for (const piece of [...pieces, new Uint8Array(0)]) {
    parser.push(piece);
    if (!pull()) return out;
  }
  return [...out, 'more'];
}

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');

describe('hard cases', () => {
  test.for(hardCases)('$name', ({ bytes, expect: expected }) => {
    expect(run([latin1(bytes)])).toEqual(expected);
    // The second time the headers may come from the cache; the outcome is the same.
    expect(run([latin1(bytes)])).toEqual(expected);
  });

  test.for(hardCases.filter(({ bytes }) => bytes.length < 5000))(
    '$name, byte by byte',
    ({ bytes, expect: expected }) => {
      expect(run([...latin1(bytes)].map((byte) => Uint8Array.of(byte)))).toEqual(expected);
    },
  );
});

const stream = fc
  .array(fc.constantFrom(...hardCases.filter(({ bytes }) => bytes.length < 5000).map(({ bytes }) => bytes)), {
    maxLength: 4,
  })
  .map((parts) => latin1(parts.join('')));

function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const sorted = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...sorted].map((from, index) => bytes.subarray(from, sorted[index] ?? bytes.length));
}

test('the same bytes give the same requests however they are cut', () => {
  fc.assert(
    fc.property(stream, fc.array(fc.nat(10_000), { maxLength: 12 }), (bytes, places) => {
      expect(run(cut(bytes, places))).toEqual(run([bytes]));
    }),
    { numRuns: 500 },
  );
});

test('a request with a few bytes changed is refused or waited for, never a crash, and cutting changes nothing', () => {
  const noise = fc.array(fc.tuple(fc.nat(10_000), fc.nat(255)), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(stream, noise, fc.array(fc.nat(10_000), { maxLength: 6 }), (bytes, changes, places) => {
      const spoilt = Buffer.from(bytes);
      for (const [at, byte] of changes) if (spoilt.length > 0) spoilt[at % spoilt.length] = byte;
      const whole = run([spoilt]);
      expect(whole.at(-1)).toMatch(/^(more|4\d\d|50[15])$/);
      expect(run(cut(spoilt, places))).toEqual(whole);
    }),
    { numRuns: 1000 },
  );
});

test('random bytes never throw', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 20 }), (pieces) => {
      expect(run(pieces).at(-1)).toMatch(/^(more|4\d\d|50[15])$/);
    }),
    { numRuns: 500 },
  );
});

test('what waits in the parser stays within the limits however much is pushed', () => {
  const limits = { headBytesMax: 1000, targetBytesMax: 500, headerCountMax: 10 };
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ min: 33, max: 126, maxLength: 300 }), { maxLength: 40 }), (pieces) => {
      const parser = new RequestParser(limits);
      for (const piece of [latin1('GET / HTTP/1.1\r\nX: '), ...pieces]) {
        parser.push(piece);
        while (parser.next() === 'head');
        expect(parser.bufferedBytes).toBeLessThanOrEqual(limits.headBytesMax);
      }
    }),
  );
});

test('a refused connection yields nothing more', () => {
  const parser = new RequestParser();
  parser.push(latin1('nonsense\r\n'));
  expect(parser.next()).toBe('fault');
  parser.push(latin1('GET / HTTP/1.1\r\nHost: h\r\n\r\n'));
  expect(parser.next()).toBe('fault');
  expect(parser.bufferedBytes).toBe(0);
});

describe('what a request says of itself', () => {
  const parse = (text: string): RequestParser => {
    const parser = new RequestParser();
    parser.push(latin1(text));
    expect(parser.next()).toBe('head');
    return parser;
  };

  test.for([
    ['HTTP/1.1', '', true],
    ['HTTP/1.1', 'Connection: close', false],
    ['HTTP/1.1', 'Connection: foo, Close', false],
    ['HTTP/1.1', 'Connection: keep-alive\r\nConnection: close', false],
    ['HTTP/1.1', 'Connection: closed', true],
    ['HTTP/1.0', '', false],
    ['HTTP/1.0', 'Connection: Keep-Alive', true],
  ] as const)('%s with "%s" keeps the connection: %s', ([version, line, expected]) => {
    expect(parse(`GET / ${version}\r\nHost: h\r\n${line}${line && '\r\n'}\r\n`).keepAlive).toBe(expected);
  });

  test('headers are found by name in any case, with repeated values in order', () => {
    const { headers } = parse('GET / HTTP/1.1\r\nHost: h\r\nX-Consul-Token:  secret \t\r\nA: 1\r\na: 2\r\nE:\r\n\r\n');
    expect(headers.get('x-consul-token')).toBe('secret');
    expect(headers.get('a')).toBe('1');
    expect(headers.values('a')).toEqual(['1', '2']);
    expect(headers.get('e')).toBe('');
    expect(headers.get('missing')).toBeUndefined();
    expect([...headers.entries()].map(([name]) => name)).toEqual(['Host', 'X-Consul-Token', 'A', 'a', 'E']);
  });

  test('equal header sections are one object', () => {
    const text = 'GET /a HTTP/1.1\r\nHost: shared\r\nUser-Agent: Go-http-client/1.1\r\n\r\n';
    expect(parse(text).headers).toBe(parse(text.replace('/a', '/b')).headers);
  });

  test.for([
    ['gzip', true],
    ['deflate, GZIP;q=0.5', true],
    ['gzip;q=0', false],
    ['gzip; q=0.000', false],
    ['*', false],
    ['br', false],
    ['', false],
  ] as const)('Accept-Encoding "%s" takes gzip: %s', ([value, expected]) => {
    expect(parse(`GET / HTTP/1.1\r\nHost: h\r\nAccept-Encoding: ${value}\r\n\r\n`).headers.acceptsGzip).toBe(expected);
  });
});
