import { unhex, utf8 } from '@proconsul/base';
import type { UserEvent } from '@proconsul/http-api';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeEventPayload, encodeEventPayload } from './event-payload.ts';

/** Recorded from an agent of version 1.21.0: the payload of the Serf event `consul:event:deploy`. */
const RECORDED =
  '87a24944d92438613639653666382d386630652d346230632d396135312d316636663062316366396131a16ea66465706c6f79a26e66a12ea170c4077061796c6f6164a27366a3776562a27466a161a17601';
const EVENT: UserEvent = {
  ...{ ID: '8a69e6f8-8f0e-4b0c-9a51-1f6f0b1cf9a1', Name: 'deploy', Payload: utf8('payload') },
  ...{ NodeFilter: '.', ServiceFilter: 'web', TagFilter: 'a', Version: 1, LTime: 7 },
};

describe('the payload of a user event', () => {
  test('is what a real agent writes', () => {
    expect(encodeEventPayload(EVENT)).toEqual(unhex(RECORDED));
  });

  test('is read back, with the time of the pool', () => {
    expect(decodeEventPayload(unhex(RECORDED), 7)).toEqual(EVENT);
  });

  test('leaves out filters and payloads that are empty', () => {
    const bare = { ...EVENT, Payload: null, NodeFilter: '', ServiceFilter: '', TagFilter: '' };
    expect(encodeEventPayload(bare)[0]).toBe(0x83);
    expect(decodeEventPayload(encodeEventPayload(bare), 7)).toEqual(bare);
  });

  test('of any content comes back as it was', () => {
    const text = fc.string({ maxLength: 300 });
    fc.assert(
      fc.property(
        fc.uuid(),
        text,
        fc.uint8Array({ minLength: 1, maxLength: 600 }),
        text,
        (ID, Name, Payload, filter) => {
          const event = { ...EVENT, ID, Name, Payload, ServiceFilter: filter };
          expect(decodeEventPayload(encodeEventPayload(event), 7)).toEqual(event);
        },
      ),
    );
  });

  test('that is cut or garbled is refused with an error of the protocol', () => {
    const bytes = unhex(RECORDED);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, byte) => {
        const garbled = bytes.slice();
        garbled[at] = byte;
        for (const given of [bytes.subarray(0, at), garbled]) {
          try {
            decodeEventPayload(given, 1);
          } catch (error) {
            expect((error as Error).name).toBe('ProtocolError');
          }
        }
      }),
    );
    expect(() => decodeEventPayload(unhex('80'), 1)).toThrow('without an id');
  });
});
