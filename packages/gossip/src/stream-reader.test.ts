import { type Clock, hex, type Stream, unhex, utf8 } from '@proconsul/base';
import { settle } from '@proconsul/base/testing';
import { expect, test } from 'vitest';
import type { Crypt } from './crypt.ts';
import { DECOMPRESS_SLICE_BYTES, DECOMPRESSED_AT_ONCE_BYTES, STREAM_BYTES_TOTAL_MAX } from './limits.ts';
import { StreamBudget } from './stream-budget.ts';
import { StreamReader } from './stream-reader.ts';
import { vectors } from './testing/vectors.ts';
import { MessageType } from './wire/message-type.ts';
import { ack } from './wire/messages.ts';
import { userStream } from './wire/user-message.ts';
import { compressMessage } from './wire/wrappers.ts';

const MIB = 1024 * 1024;
/** A user message of 18 MiB on a stream, in 14 kB. */
const bomb = compressMessage(userStream(new Uint8Array(18 * MIB)));

/** Counts what is held, and the most that one turn added. */
class Watched extends StreamBudget {
  bytes = 0;
  most = 0;

  override take(bytes: number): void {
    this.bytes += bytes;
    this.most = Math.max(this.most, this.bytes);
    super.take(bytes);
  }

  override give(bytes: number): void {
    this.bytes -= bytes;
    super.give(bytes);
  }
}

const plain = { demandsEncryption: false } as Crypt;

function world() {
  let waiting: (() => void)[] = [];
  const clock = {
    after: (_ms: number, fn: () => void) => {
      waiting.push(fn);
      return { cancel: () => undefined };
    },
  } as unknown as Clock;
  /** One turn of the event loop. How many went on in it. */
  const turn = async (): Promise<number> => {
    const due = waiting;
    waiting = [];
    for (const fn of due) fn();
    await settle();
    return due.length;
  };
  const budget = new Watched();
  const read = (bytes: Uint8Array) => {
    let feed: (chunk: Uint8Array) => void = () => undefined;
    const stream = {
      onData: (fn: (chunk: Uint8Array) => void) => {
        feed = fn;
      },
      onEnd: () => undefined,
      onClose: () => undefined,
    } as unknown as Stream;
    const reader = new StreamReader(stream, { clock, crypt: plain, budget, label: undefined });
    const message = reader.read();
    message.catch(() => undefined);
    feed(bytes);
    return { reader, message };
  };
  return { turn, budget, read };
}

test('however many bombs come, one is decompressed at a time, and each turn has one slice of it', async () => {
  const BOMBS = 8;
  const { turn, budget, read } = world();
  let done = 0;
  for (let i = 0; i < BOMBS; i++) {
    const { reader, message } = read(bomb);
    void message.then(() => {
      done++;
      reader.release();
    });
  }
  await settle();
  expect(budget.bytes).toBeLessThan(BOMBS * (DECOMPRESSED_AT_ONCE_BYTES + 20_000) + 2 * DECOMPRESS_SLICE_BYTES);
  while (done < BOMBS) {
    const before = budget.bytes;
    expect(await turn()).toBe(1);
    expect(budget.bytes - before).toBeLessThan(2 * DECOMPRESS_SLICE_BYTES);
  }
  expect(budget.bytes).toBe(0);
  expect(budget.most).toBeLessThan(22 * MIB);
});

test('what they became counts until it has been dealt with', async () => {
  const { turn, budget, read } = world();
  const four = [1, 2, 3, 4].map(() => read(bomb));
  await settle();
  while ((await turn()) > 0);
  const kinds = await Promise.all(four.map(({ message }) => message.then((m) => m.kind, String)));
  expect(kinds).toEqual(['user', 'user', 'user', 'ProtocolError: message on a stream is too long']);
  expect(budget.most).toBeLessThan(STREAM_BYTES_TOTAL_MAX + 2 * DECOMPRESS_SLICE_BYTES);
  for (const { reader } of four) reader.release();
  expect(budget.bytes).toBe(0);
});

test('a short message does not wait for a bomb, and one that is given up is decompressed no further', async () => {
  const { turn, read } = world();
  const { reader, message } = read(bomb);
  const short = read(compressMessage(ack.encode(MessageType.ack, { SeqNo: 7, Payload: null })));
  await expect(short.message).resolves.toEqual({ kind: 'ack', sequence: 7 });
  reader.fail(new Error('too late'));
  reader.release();
  expect(await turn()).toBe(1);
  expect(await turn()).toBe(0);
  await expect(message).rejects.toThrow('too late');
});

test('a user message on a stream is read, and written to the same bytes', async () => {
  const recorded = vectors<{ readonly name: string; readonly hex: string }[]>('memberlist-messages');
  const bytes = unhex(recorded.find(({ name }) => name === 'user stream')!.hex);
  const { message } = world().read(bytes);
  expect(await message).toEqual({ kind: 'user', body: utf8('hello') });
  expect(hex(userStream(utf8('hello')))).toBe(hex(bytes));
});
