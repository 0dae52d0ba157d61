import { addressText, hostPort } from '@proconsul/gossip';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { splitHostPort } from './host-port.ts';

test('what is written is read', () => {
  const v4 = fc.uint8Array({ minLength: 4, maxLength: 4 });
  const v6 = fc.uint8Array({ minLength: 16, maxLength: 16 });
  fc.assert(
    fc.property(fc.oneof(v4, v6), fc.nat(0xffff), (bytes, port) => {
      const host = addressText(bytes)!;
      expect(splitHostPort(hostPort(host, port))).toEqual({ host, port });
    }),
  );
});

test('what is no host and port', () => {
  for (const text of ['', 'a', 'a:b', '1.2.3.4:70000', '::1:80', ':80']) expect(splitHostPort(text)).toBeUndefined();
});
