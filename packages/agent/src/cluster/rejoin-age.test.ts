import { fromUtf8, MemoryDisk, utf8 } from '@proconsul/base';
import { ManualClock, settle } from '@proconsul/base/testing';
import { describe, expect, test } from 'vitest';
import { keptLog } from '../testing/kept-log.ts';
import { RejoinAge } from './rejoin-age.ts';

const FILE = 'server_metadata.json';
const WEEK_MS = 7 * 24 * 3_600_000;

function world() {
  const clock = new ManualClock();
  const disk = new MemoryDisk();
  const lines: string[] = [];
  return { clock, disk, lines, age: new RejoinAge({ disk, clock, log: keptLog(lines) }) };
}

describe('the age of a server', () => {
  test('is written at the start and each hour', async () => {
    const { age, clock, disk } = world();
    await age.check(WEEK_MS);
    age.start();
    await settle();
    const at = async () => JSON.parse(fromUtf8(await disk.read(FILE))).last_seen_unix;
    const first = await at();
    expect(first).toBe(Math.floor(clock.wallMs() / 1000));
    await clock.advance(3_600_000);
    expect(await at()).toBe(first + 3600);
    age.stop();
    expect(clock.waiting).toBe(0);
  });

  test('within the limit lets it come back', async () => {
    const { age, clock, disk } = world();
    await disk.writeAtomic(FILE, utf8(`{"last_seen_unix":${Math.floor((clock.wallMs() - WEEK_MS) / 1000)}}`));
    await expect(age.check(WEEK_MS + 1000)).resolves.toBeUndefined();
  });

  test('beyond it is complained about for a minute, then the server does not start', async () => {
    const { age, clock, disk, lines } = world();
    await disk.writeAtomic(FILE, utf8('{"last_seen_unix":1600000000}'));
    const refused = expect(age.check(WEEK_MS)).rejects.toThrow('refusing to rejoin cluster');
    await clock.advance(60_000);
    await refused;
    expect(lines).toHaveLength(6);
    expect(lines[0]).toContain('(168h0m0s) - consider wiping your data dir');
  });

  test('that cannot be read is not taken for young', async () => {
    const { age, disk } = world();
    for (const text of ['{', '{}', '[]']) {
      await disk.writeAtomic(FILE, utf8(text));
      await expect(age.check(WEEK_MS)).rejects.toThrow('error reading server metadata');
    }
  });
});
