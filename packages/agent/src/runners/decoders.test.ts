import { concatBytes, fromUtf8, ProtocolError, utf8 } from '@proconsul/base';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DialError, parseTarget } from './dial.ts';
import { AttachDecoder, parseDockerHost } from './docker.ts';
import { decodeHealthAnswer, healthRequest, unframe } from './grpc.ts';
import { decodeMessage } from './grpc-status.ts';
import { FRAME_SIZE_MAX, FrameReader } from './h2ping.ts';
import { parseHttpUrl, UrlError } from './url.ts';

const cuts = fc.array(fc.uint8Array({ minLength: 1, maxLength: 20 }), { maxLength: 30 });

test('container output comes out of its frames however it was cut', () => {
  const frames = fc.array(fc.tuple(fc.integer({ min: 0, max: 2 }), fc.uint8Array({ maxLength: 30 })), {
    minLength: 1,
    maxLength: 9,
  });
  fc.assert(
    fc.property(frames, fc.integer({ min: 1, max: 17 }), (parts, step) => {
      const wire = concatBytes(
        parts.flatMap(([stream, body]) => [Uint8Array.of(stream, 0, 0, 0, 0, 0, 0, body.length), body]),
      );
      const out: Uint8Array[] = [];
      const decoder = new AttachDecoder((bytes) => out.push(bytes.slice()));
      for (let at = 0; at < wire.length; at += step) decoder.write(wire.subarray(at, at + step));
      expect(concatBytes(out)).toEqual(concatBytes(parts.map(([, body]) => body)));
    }),
  );
});

test('container output without frames is passed on whole', () => {
  const out: Uint8Array[] = [];
  const decoder = new AttachDecoder((bytes) => out.push(bytes));
  for (const text of ['r', 'aw', ' text']) decoder.write(utf8(text));
  expect(fromUtf8(concatBytes(out))).toBe('raw text');
});

test('no bytes make the decoders throw anything but a protocol error', () => {
  fc.assert(
    fc.property(cuts, (chunks) => {
      const attach = new AttachDecoder(() => {});
      const frames = new FrameReader(() => {});
      for (const chunk of chunks) {
        attach.write(chunk);
        if (frames.write(chunk) !== undefined) break;
      }
      try {
        expect(decodeHealthAnswer(unframe(concatBytes(chunks)))).toBeGreaterThanOrEqual(0);
      } catch (error) {
        expect(error).toBeInstanceOf(ProtocolError);
      }
    }),
  );
});

test('HTTP/2 frames are found however the stream was cut, and too large ones are refused', () => {
  const wire = Uint8Array.of(0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 2, 6, 1, 0, 0, 0, 0, 7, 8);
  for (let step = 1; step <= wire.length; step++) {
    const seen: [number, number, number[]][] = [];
    const reader = new FrameReader((type, flags, body) => seen.push([type, flags, [...body]]));
    for (let at = 0; at < wire.length; at += step) expect(reader.write(wire.subarray(at, at + step))).toBeUndefined();
    expect(seen).toEqual([
      [4, 0, []],
      [6, 1, [7, 8]],
    ]);
  }
  const size = FRAME_SIZE_MAX + 1;
  const large = Uint8Array.of(size >> 16, (size >> 8) & 0xff, size & 0xff, 0, 0, 0, 0, 0, 0);
  expect(new FrameReader(() => {}).write(large)).toBe('http2: frame too large');
  expect(new FrameReader(() => {}).write(utf8('HTTP/1.1 400 Bad Request'))).toContain('looked like an HTTP/1.1 header');
});

test('a health request names the service, also a long one', () => {
  expect([...healthRequest('')]).toEqual([]);
  expect([...healthRequest('some')]).toEqual([0x0a, 4, 0x73, 0x6f, 0x6d, 0x65]);
  expect([...healthRequest('x'.repeat(300)).subarray(0, 3)]).toEqual([0x0a, 0xac, 0x02]);
});

test('a health answer may have fields that are not known', () => {
  expect(decodeHealthAnswer(Uint8Array.of())).toBe(0);
  expect(decodeHealthAnswer(Uint8Array.of(0x12, 2, 9, 9, 0x08, 1, 0x1d, 1, 2, 3, 4))).toBe(1);
  expect(() => decodeHealthAnswer(Uint8Array.of(0x12, 9, 1))).toThrow(ProtocolError);
  expect(decodeMessage('a%20b%C3%A9 %zz')).toBe('a bé %zz');
});

test('addresses are split as Go does', () => {
  expect(parseTarget('127.0.0.1:80', 'tcp')).toEqual({ host: '127.0.0.1', port: 80 });
  expect(parseTarget('[::1]:443', 'tcp')).toEqual({ host: '::1', port: 443 });
  expect(parseTarget(':http', 'tcp')).toEqual({ host: '', port: 80 });
  const problem = (address: string) => {
    try {
      return parseTarget(address, 'tcp');
    } catch (error) {
      expect(error).toBeInstanceOf(DialError);
      return (error as Error).message;
    }
  };
  expect(problem('a')).toBe('dial tcp: address a: missing port in address');
  expect(problem('[::1]')).toBe('dial tcp: address [::1]: missing port in address');
  expect(problem('[::1')).toBe("dial tcp: address [::1: missing ']' in address");
  expect(problem('::1:1')).toBe('dial tcp: address ::1:1: too many colons in address');
});

test('no text makes the URL reader throw anything but its own error', () => {
  const text = fc.oneof(fc.string({ unit: 'binary' }), fc.webUrl({ withQueryParameters: true, withFragments: true }));
  fc.assert(
    fc.property(text, (raw) => {
      try {
        const url = parseHttpUrl(raw, 'Get');
        expect(url.requestPath).toMatch(/^[/*?\x21-\x7e]+$/);
      } catch (error) {
        expect(error).toBeInstanceOf(UrlError);
      }
    }),
  );
});

test('a URL keeps its path as written and shows no password', () => {
  const url = parseHttpUrl('HTTP://u:p%40@[::1]:81/../a/./é x?q=1#f', 'Get');
  expect(url).toMatchObject({
    scheme: 'http',
    userInfo: { user: 'u', password: 'p@' },
    target: { host: '::1', port: 81 },
    requestPath: '/../a/./%C3%A9%20x?q=1',
    text: 'http://u:***@[::1]:81/../a/./%C3%A9%20x?q=1#f',
  });
});

test('the engine is found where DOCKER_HOST says', () => {
  expect(parseDockerHost('')).toMatchObject({ dial: 'unix /var/run/docker.sock' });
  expect(parseDockerHost('tcp://10.0.0.1:2375').request).toEqual({ host: '10.0.0.1', port: 2375 });
  expect(() => parseDockerHost('nonsense')).toThrow('unable to parse docker host "nonsense"');
  expect(() => parseDockerHost('tcp://h:99999')).toThrow('unable to parse docker host');
});
