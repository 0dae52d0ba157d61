import { concatBytes, equalBytes, hex, unhex } from '@proconsul/base';
import { Writer } from '@proconsul/msgpack';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  CHUNK_BYTES,
  CHUNKED_COMMANDS_MAX,
  ChunkAssembler,
  chunksOf,
  decodeChunkInfo,
  encodeChunkInfo,
  RECHUNK_TEXT,
} from './chunking.ts';
import { type Entry, LogType } from './entry.ts';

const entry = (term: number, data: Uint8Array, extensions?: Uint8Array): Entry => ({
  index: 1,
  term,
  type: LogType.command,
  data,
  ...(extensions ? { extensions } : {}),
});

/** The record of a real server that held pieces 0 and 2 of 3 of command 777777, and piece 1 of 2 of command 5, in term 3. */
const RECORDED =
  '81a84368756e6b4d617082ce000bde319385a444617461a3010203a94e756d4368756e6b7303a54f704e756dce000bde31ab53657175656e63654e756d00' +
  'a45465726d03c085a444617461a40708090aa94e756d4368756e6b7303a54f704e756dce000bde31ab53657175656e63654e756d02a45465726d03' +
  '0592c085a444617461a104a94e756d4368756e6b7302a54f704e756d05ab53657175656e63654e756d01a45465726d03';

describe('pieces of large commands', () => {
  test('a command that fits is one entry without extensions', () => {
    const data = new Uint8Array(CHUNK_BYTES);
    const [only, ...others] = chunksOf(data, 1n);
    expect(only!.data).toBe(data);
    expect(only!.extensions).toBeUndefined();
    expect(others).toEqual([]);
  });

  test('a larger one is cut, and comes out whole with its last piece', () => {
    const data = new Uint8Array(2 * CHUNK_BYTES + 3).map((_, i) => i % 251);
    const chunks = chunksOf(data, 2n ** 63n + 7n);
    expect(chunks.map((c) => c.data.length)).toEqual([CHUNK_BYTES, CHUNK_BYTES, 3]);
    const assembler = new ChunkAssembler();
    const outcomes = chunks.map((c) => assembler.take(entry(4, c.data, c.extensions)));
    expect(outcomes.slice(0, 2)).toEqual([{ kind: 'kept' }, { kind: 'kept' }]);
    const [, , whole] = outcomes;
    if (whole?.kind !== 'whole') throw new Error('not whole');
    expect(equalBytes(whole.data, data)).toBe(true);
    expect(assembler.size).toBe(0);
  });

  test.for([41, 41 | 128])('no piece begins like a checkpoint of the log verifier (%i)', (byte) => {
    const data = new Uint8Array(2 * CHUNK_BYTES + 3).fill(7);
    data.fill(byte, CHUNK_BYTES - 2, CHUNK_BYTES + 2);
    data.fill(byte, 2 * CHUNK_BYTES - 3, 2 * CHUNK_BYTES);
    const chunks = chunksOf(data, 1n);
    expect(chunks.map((c) => c.data[0])).toEqual([7, 7, 7]);
    expect(Math.max(...chunks.map((c) => c.data.length))).toBeLessThanOrEqual(CHUNK_BYTES);
    expect(equalBytes(concatBytes(chunks.map((c) => c.data)), data)).toBe(true);
    expect(chunks.map((c) => decodeChunkInfo(c.extensions!))).toEqual(
      [0, 1, 2].map((sequence) => ({ opNum: 1n, sequence, count: 3 })),
    );
    // Nothing helps when there is nothing else.
    expect(chunksOf(new Uint8Array(CHUNK_BYTES + 1).fill(byte), 1n)).toHaveLength(2);
  });

  test('which piece it is stands in protobuf, zeros left out', () => {
    expect(hex(encodeChunkInfo({ opNum: 777_777n, sequence: 0, count: 3 }))).toBe('08b1bc2f1803');
    expect(hex(encodeChunkInfo({ opNum: 5n, sequence: 1, count: 2 }))).toBe('080510011802');
    expect(decodeChunkInfo(unhex('08b1bc2f18032203616263'))).toEqual({ opNum: 777_777n, sequence: 0, count: 3 });
  });

  test('a new term voids what is incomplete: its client must try again', () => {
    const assembler = new ChunkAssembler();
    const chunks = chunksOf(new Uint8Array(CHUNK_BYTES + 1), 9n);
    expect(assembler.take(entry(4, chunks[0]!.data, chunks[0]!.extensions))).toEqual({ kind: 'kept' });
    expect(assembler.take(entry(5, chunks[1]!.data, chunks[1]!.extensions))).toEqual({
      kind: 'refused',
      why: RECHUNK_TEXT,
    });
  });

  test('the checkpoint of the log verifier has extensions and is no piece', () => {
    const assembler = new ChunkAssembler();
    expect(assembler.take(entry(4, unhex('a9c0'), new Uint8Array(24)))).toEqual({ kind: 'plain' });
  });

  test('extensions that are no piece are refused, whatever they are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (extensions) => {
        const outcome = new ChunkAssembler().take(entry(1, new Uint8Array(3), extensions));
        expect(['kept', 'whole', 'refused']).toContain(outcome.kind);
      }),
      { numRuns: 500 },
    );
    expect(new ChunkAssembler().take(entry(1, new Uint8Array(1), unhex('0801'))).kind).toBe('refused');
  });

  test('the state of a snapshot is the one that a real server writes', () => {
    const assembler = new ChunkAssembler();
    const piece = (opNum: bigint, sequence: number, count: number, bytes: number[]): void => {
      assembler.take(entry(3, Uint8Array.from(bytes), encodeChunkInfo({ opNum, sequence, count })));
    };
    piece(777_777n, 0, 3, [1, 2, 3]);
    piece(777_777n, 2, 3, [7, 8, 9, 10]);
    piece(5n, 1, 2, [4]);
    const sorted = new ChunkAssembler();
    sorted.restoreState(assembler.encodeState());
    expect(hex(sorted.encodeState())).toBe(hex(assembler.encodeState()));
    // There, maps come in any order.
    const recorded = new ChunkAssembler();
    recorded.restoreState(unhex(RECORDED));
    expect(hex(recorded.encodeState())).toBe(hex(assembler.encodeState()));
    expect(recorded.take(entry(3, unhex('0405'), encodeChunkInfo({ opNum: 777_777n, sequence: 1, count: 3 })))).toEqual(
      {
        kind: 'whole',
        data: unhex('0102030405' + '0708090a'),
      },
    );
  });

  test('any command survives being cut, restored in between or not', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        fc.array(fc.uint8Array({ maxLength: 9 }), { minLength: 2, maxLength: 6 }),
        fc.nat(5),
        (opNum, pieces, cut) => {
          let assembler = new ChunkAssembler();
          const outcomes = pieces.map((data, sequence) => {
            if (sequence === cut) {
              const next = new ChunkAssembler();
              next.restoreState(assembler.encodeState());
              assembler = next;
            }
            return assembler.take(entry(2, data, encodeChunkInfo({ opNum, sequence, count: pieces.length })));
          });
          expect(outcomes.at(-1)).toEqual({ kind: 'whole', data: concatBytes(pieces) });
        },
      ),
      { numRuns: 200 },
    );
  });
});

test('a record with a piece before the first or behind the last one is refused', () => {
  for (const sequence of [-1, 1, 2 ** 40]) {
    const w = new Writer('rpc');
    w.mapHeader(1);
    w.key('ChunkMap');
    w.mapHeader(1);
    w.uint(7);
    w.arrayHeader(1);
    w.mapHeader(2);
    w.key('Data');
    w.bytes(Uint8Array.of(1));
    w.key('SequenceNum');
    w.int(sequence);
    expect(() => new ChunkAssembler().restoreState(w.finish())).toThrow('a piece outside its command');
  }
});

test('only so many commands may wait for their pieces, however small those are', () => {
  const assembler = new ChunkAssembler();
  const take = (opNum: number, sequence: number) =>
    assembler.take({
      ...{ index: 1, term: 1, type: 0, data: new Uint8Array(0) },
      extensions: encodeChunkInfo({ opNum: BigInt(opNum), sequence, count: 3 }),
    }).kind;
  for (let i = 0; i < CHUNKED_COMMANDS_MAX; i++) expect(take(i, 0)).toBe('kept');
  expect([take(CHUNKED_COMMANDS_MAX, 0), take(5, 1), take(5, 2), take(CHUNKED_COMMANDS_MAX, 0)]).toEqual([
    ...['refused', 'kept', 'whole', 'kept'],
  ]);
  expect(assembler.size).toBe(CHUNKED_COMMANDS_MAX);
});
