import { describe, expect, test } from 'vitest';
import { FAULTS } from './errors.ts';
import {
  DateText,
  encodeChunk,
  encodeFault,
  encodeResponse,
  encodeStreamHead,
  LAST_CHUNK,
  PLAIN_FORM,
  PreparedResponse,
} from './response.ts';

const date = new DateText().update(Date.UTC(2026, 10, 21, 4, 38, 15, 999));
const text = (chunks: Buffer | Buffer[]): string => Buffer.concat([chunks].flat()).toString('latin1');
const DATE = 'Date: Sat, 21 Nov 2026 04:38:15 GMT\r\n';
const json = [['Content-Type', 'application/json']] as const;

describe('an answer of known length', () => {
  test('has the fields given, Date and Content-Length, in this order', () => {
    expect(text(encodeResponse(PLAIN_FORM, 200, json, 'true', date))).toBe(
      `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n${DATE}Content-Length: 4\r\n\r\ntrue`,
    );
  });

  test('counts bytes, not characters', () => {
    expect(text(encodeResponse(PLAIN_FORM, 200, [], 'é', date))).toContain('Content-Length: 2\r\n\r\n\xc3\xa9');
  });

  test('says close or keep-alive only where the version does not', () => {
    const form = { http10: false, keepAlive: false, headOnly: false };
    expect(text(encodeResponse(form, 404, [], '', date))).toBe(
      `HTTP/1.1 404 Not Found\r\n${DATE}Content-Length: 0\r\nConnection: close\r\n\r\n`,
    );
    expect(text(encodeResponse({ ...form, http10: true }, 200, [], '', date))).toBe(
      `HTTP/1.0 200 OK\r\n${DATE}Content-Length: 0\r\n\r\n`,
    );
    expect(text(encodeResponse({ ...form, http10: true, keepAlive: true }, 200, [], '', date))).toContain(
      'Content-Length: 0\r\nConnection: keep-alive\r\n',
    );
  });

  test('to HEAD has the length but not the body, and 204 and 304 have neither', () => {
    const head = text(encodeResponse({ ...PLAIN_FORM, headOnly: true }, 200, [], Buffer.from('abc'), date));
    expect(head).toBe(`HTTP/1.1 200 OK\r\n${DATE}Content-Length: 3\r\n\r\n`);
    for (const status of [204, 304]) {
      expect(text(encodeResponse(PLAIN_FORM, status, [], 'abc', date))).toMatch(/GMT\r\n\r\n$/);
    }
  });

  test('cannot be split by a value with line breaks', () => {
    const out = text(encodeResponse(PLAIN_FORM, 200, [['X', 'a\r\nSet-Cookie: b\0']], '', date));
    expect(out).toContain('X: a  Set-Cookie: b \r\n');
  });

  test('with a large body is not copied', () => {
    const body = Buffer.alloc(100_000, 'x');
    const chunks = encodeResponse(PLAIN_FORM, 200, [], body, date);
    expect(chunks).toHaveLength(2);
    expect(chunks[1]).toBe(body);
  });
});

test('a stream is chunked, and to HTTP/1.0 ends with the connection', () => {
  expect(text(encodeStreamHead(PLAIN_FORM, 200, json, date))).toBe(
    `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n${DATE}Transfer-Encoding: chunked\r\n\r\n`,
  );
  const old = { http10: true, keepAlive: false, headOnly: false };
  expect(text(encodeStreamHead(old, 200, [], date))).toBe(`HTTP/1.0 200 OK\r\n${DATE}\r\n`);
  expect(text([...encodeChunk(Buffer.alloc(17, 'x')), LAST_CHUNK])).toBe(`11\r\n${'x'.repeat(17)}\r\n0\r\n\r\n`);
  expect(text(encodeChunk(Buffer.alloc(70_000, 'x')))).toBe(`11170\r\n${'x'.repeat(70_000)}\r\n`);
});

test('a fault is answered with its reason and closes', () => {
  expect(text(encodeFault(FAULTS.hostMissing))).toBe(
    'HTTP/1.1 400 Bad Request: missing required Host header\r\nContent-Type: text/plain; charset=utf-8\r\n' +
      'Connection: close\r\n\r\n400 Bad Request: missing required Host header',
  );
});

describe('a prepared answer', () => {
  const forms = [true, false].flatMap((http10) =>
    [true, false].flatMap((keepAlive) => [true, false].map((headOnly) => ({ http10, keepAlive, headOnly }))),
  );
  test.for(forms)('is the same as one encoded for %o', (form) => {
    for (const [status, body] of [
      [200, 'body é'],
      [204, ''],
      [404, ''],
    ] as const) {
      const prepared = new PreparedResponse(status, json, body);
      expect(text(prepared.bytes(form, date))).toBe(text(encodeResponse(form, status, json, body, date)));
    }
  });

  test('is one buffer for everybody, with the date of now', () => {
    const clock = new DateText().update(0);
    const prepared = new PreparedResponse(200, [], 'x');
    const first = prepared.bytes(PLAIN_FORM, clock);
    expect(first.toString()).toContain('Thu, 01 Jan 1970 00:00:00 GMT');
    expect(prepared.bytes(PLAIN_FORM, clock.update(61_000))).toBe(first);
    expect(first.toString()).toContain('Thu, 01 Jan 1970 00:01:01 GMT');
  });
});
