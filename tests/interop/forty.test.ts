import { afterEach, describe, expect, test } from 'vitest';
import { eventually, pause } from '../e2e/eventually.ts';
import { lacks, skipBecause } from '../e2e/program.ts';
import { endAll, OurSerf, RealSerf } from './serf-agents.ts';

/*
 * A pool of forty: ten real Serf agents (the package `serf` of Debian) and thirty members of ours.
 *     npm run interop -- forty
 */

const noTime = skipBecause(!process.env['INTEROP'] && 'only npm run interop has the time') || lacks('serf');

const REAL = 10;
const OURS = 30;
const ALL = REAL + OURS;
/** How long the pool is watched. Above 32 members a full exchange comes every 60 s from each, not every 30. */
const WATCHED_MS = 60_000;

afterEach(endAll, 60_000);

const count = (text: string, what: RegExp): number => text.match(what)?.length ?? 0;

describe.skipIf(noTime)('forty members, ten of them real Serf agents', () => {
  test('know each other, and for a minute nobody suspects anybody; full exchanges come less often than among a few', {
    timeout: 300_000,
  }, async () => {
    const real: RealSerf[] = [];
    const ours: OurSerf[] = [];
    // Each joins through another one, by turns real and ours.
    for (let i = 0; i < ALL; i++) {
      const port = i === 0 ? 0 : ((i % 2 === 0 ? real.at(-1) : ours.at(-1)) ?? real[0])!.port;
      if (i % (ALL / REAL) === 0)
        real.push(await RealSerf.start(`real-${i}`, port === 0 ? [] : [`-join=127.0.0.1:${port}`]));
      else {
        const one = await OurSerf.start(`ours-${i}`, { tags: { number: String(i) } });
        expect(await one.join(port)).toEqual({ joined: 1, errors: [] });
        ours.push(one);
      }
    }
    const alive = (one: OurSerf): number => one.serf.members().filter((m) => m.status === 'alive').length;
    await eventually(() => ours.every((one) => alive(one) === ALL), { withinMs: 90_000, what: 'all in each of ours' });
    for (const one of real) {
      await eventually(
        async () => Object.values(await one.members()).filter((m) => m.status === 'alive').length === ALL,
        { withinMs: 90_000, what: `all in ${one.name}` },
      );
    }

    const exchanges = (): number =>
      [...real.map((one) => one.process.output), ...ours.map((one) => one.logged.join('\n'))].reduce(
        (sum, text) => sum + count(text, /[Ii]nitiating push\/pull sync/g),
        0,
      );
    const before = exchanges();
    await pause(WATCHED_MS);
    for (const one of ours) {
      expect(one.events.filter((e) => e.kind === 'member' && e.what === 'failed')).toEqual([]);
      expect(alive(one)).toBe(ALL);
    }
    for (const one of real) expect(one.process.output).not.toMatch(/EventMemberFailed/);
    // Every 30 s it would be two from each.
    expect(exchanges() - before).toBeLessThan(1.5 * ALL);
    expect(exchanges() - before).toBeGreaterThan(0);
  });
});
