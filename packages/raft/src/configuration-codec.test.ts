import { hex, unhex } from '@proconsul/base';
import { expect, test } from 'vitest';
import { msgpackConfiguration } from './configuration-codec.ts';
import recorded from './testdata/configurations.json' with { type: 'json' };

test.for(recorded.vectors)(
  'the configuration at $index of $log is read, and written again to the same bytes',
  (vector) => {
    const configuration = msgpackConfiguration.decode(unhex(vector.hex));
    expect(configuration.servers.map(({ id, address }) => [id, address])).toEqual(
      vector.servers.map(({ ID, Address }) => [ID, Address]),
    );
    expect(hex(msgpackConfiguration.encode(configuration))).toBe(vector.hex);
  },
);
