import { readFileSync } from 'node:fs';
import { hex, unhex } from '@proconsul/base';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeHeader, encodeHeader, Flag, FrameType, HEADER_BYTES } from './frame.ts';

interface Vector {
  readonly name: string;
  readonly hex: string;
  readonly decoded?: { flags: string; length: number; stream: number; type: string; version: number };
}

const vectors = (
  JSON.parse(readFileSync(new URL('./testdata/yamux-captured.json', import.meta.url), 'utf8')).vectors as Vector[]
).filter((v) => v.decoded !== undefined);

const TYPES: Record<string, FrameType> = {
  data: FrameType.data,
  'window-update': FrameType.windowUpdate,
  ping: FrameType.ping,
  'go-away': FrameType.goAway,
};
const FLAGS: Record<string, number> = { SYN: Flag.syn, ACK: Flag.ack, FIN: Flag.fin, RST: Flag.rst, '': 0 };

test.for(vectors)('captured frame: $name', ({ hex: wire, decoded }) => {
  const header = decodeHeader(unhex(wire));
  expect(header).toEqual({
    type: TYPES[decoded!.type],
    flags: FLAGS[decoded!.flags],
    streamId: decoded!.stream,
    length: decoded!.length,
  });
  expect(hex(encodeHeader(header.type, header.flags, header.streamId, header.length))).toBe(
    wire.slice(0, 2 * HEADER_BYTES),
  );
});

test('any twelve bytes are a header that encodes to themselves, or a protocol error', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 12, maxLength: 12 }), (bytes) => {
      let header: ReturnType<typeof decodeHeader>;
      try {
        header = decodeHeader(bytes);
      } catch (error) {
        expect((error as { code: string }).code).toMatch(/^YAMUX_/);
        return;
      }
      expect(encodeHeader(header.type, header.flags, header.streamId, header.length)).toEqual(bytes);
    }),
  );
});

test.for([
  ['version', '010000000000000100000000', 'YAMUX_VERSION'],
  ['type', '000400000000000100000000', 'YAMUX_TYPE'],
  ['flags', '000000100000000100000000', 'YAMUX_FLAGS'],
  ['data without a stream', '000000000000000000000000', 'YAMUX_STREAM'],
  ['credit without a stream', '000100000000000000000000', 'YAMUX_STREAM'],
  ['ping of a stream', '000200010000000100000000', 'YAMUX_STREAM'],
] as const)('a header with a wrong %s is refused', ([, wire, code]) => {
  expect(() => decodeHeader(unhex(wire))).toThrowError(expect.objectContaining({ code }));
});
