import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromUtf8, utf8 } from '@proconsul/base';
import type { QueryOptions } from '@proconsul/serf';
import { afterEach, describe, expect, test } from 'vitest';
import { Background } from '../e2e/background.ts';
import { type EventuallyOptions, eventually as within } from '../e2e/eventually.ts';
import { freePort } from '../e2e/ports.ts';
import { lacks, run, skipBecause } from '../e2e/program.ts';
import { endAll, folder, OurSerf, RealSerf } from './serf-agents.ts';

/*
 * Members of ours in one pool with real Serf agents (the package `serf` of Debian), and with the reference program that
 * CONSUL_BIN names.
 *     CONSUL_BIN=... npx vitest run tests/interop/serf.test.ts
 */

// Real agents in real time: minutes of waiting, and gossip that may be unlucky. `npm run interop` runs it.
const noSerf =
  skipBecause(!process.env['INTEROP'] && 'only npm run interop mixes pools with real Serf agents') || lacks('serf');
const REFERENCE = process.env['CONSUL_BIN'];
const noReference = noSerf || skipBecause(!REFERENCE && 'CONSUL_BIN does not name the reference program');

const LONG = { timeout: 240_000 };

/** What gossip misses in a pool with many dead comes with the next full exchange, every 30 seconds. */
const SPREAD_MS = 45_000;

/**
 * Two members die at once in a pool of which nobody else is left to confirm it: both probes, on a machine so busy that
 * the health score is at its highest (8 s each, twice), then the longest suspicion (24 s), then a full exchange.
 */
const FAILURE_MS = 100_000;

function eventually<T>(ask: () => T | Promise<T>, options: EventuallyOptions = {}) {
  return within(ask, { withinMs: SPREAD_MS, ...options });
}

afterEach(endAll, 30_000);

/** What a query of ours hears. */
async function ask(ours: OurSerf, name: string, options: QueryOptions = {}) {
  const acks: string[] = [];
  const responses: Record<string, string> = {};
  await ours.serf.query(name, utf8('how long?'), {
    timeoutMs: 4_000,
    ...options,
    onAck: (from) => void acks.push(from),
    onResponse: (from, payload) => {
      responses[from] = fromUtf8(payload).trim();
    },
  });
  return { acks: acks.sort(), responses };
}

/** What `serf query` prints. */
function heard(output: string) {
  const acks = [...output.matchAll(/^Ack from '(.*)'$/gm)].map((m) => m[1]!).sort();
  const responses = Object.fromEntries(
    [...output.matchAll(/^Response from '(.*)': (.*)$/gm)].map((m) => [m[1]!, m[2]]),
  );
  return { acks, responses };
}

/** Two real agents and two of ours, of which one joins and one is joined. */
async function mixed() {
  const handler = '-event-handler=query:uptime=echo 42 from $SERF_SELF_NAME';
  const real = await RealSerf.start('real', ['-tag', 'role=web', '-tag', 'dc=east', handler]);
  const ours = await OurSerf.start('ours', { tags: { role: 'db', zone: 'z 1' } });
  expect(await ours.join(real.port)).toEqual({ joined: 1, errors: [] });
  const other = await OurSerf.start('other', { tags: { role: 'dbx' } });
  expect((await other.join(ours.port)).joined).toBe(1);
  const late = await RealSerf.start('late', [`-join=127.0.0.1:${other.port}`, handler]);
  await eventually(async () => Object.keys(await real.members()).length === 4, { what: 'four members in real' });
  await eventually(async () => Object.keys(await late.members()).length === 4, { what: 'four members in late' });
  await eventually(() => ours.serf.members().length === 4 && other.serf.members().length === 4);
  return { real, ours, other, late };
}

describe.skipIf(noSerf)('one pool of real Serf agents and ours', () => {
  test('members, tags and their changes are seen both ways', LONG, async () => {
    const { real, ours, other } = await mixed();
    const members = await real.members();
    expect(members['ours']).toEqual({ status: 'alive', tags: { role: 'db', zone: 'z 1' } });
    expect(members['other']).toEqual({ status: 'alive', tags: { role: 'dbx' } });
    expect(ours.tags('real')).toEqual({ role: 'web', dc: 'east' });
    expect(ours.serf.members().map((m) => m.status)).toEqual(['alive', 'alive', 'alive', 'alive']);
    await real.command('tags', '-set', 'role=cache', '-delete', 'dc');
    await eventually(() => ours.tags('real')['role'] === 'cache' && other.tags('real')['dc'] === undefined);
    ours.serf.setTags({ role: 'changed' });
    await eventually(async () => (await real.members())['ours']!.tags['role'] === 'changed');
    expect(ours.serf.stats()['member_time']).toBe((await real.command('info')).match(/member_time = (\d+)/)![1]);
  });

  test('user events go both ways, once each; who joins later hears them too', LONG, async () => {
    const { real, ours, other, late } = await mixed();
    ours.serf.userEvent('deploy', utf8('from ours'), false);
    await late.process.until(/Received event: user-event: deploy/, SPREAD_MS);
    await real.command('event', 'restart', 'from real');
    await real.command('event', '-coalesce=false', 'reload', '');
    const wanted = ['deploy=from ours false', 'reload= false', 'restart=from real true'];
    for (const one of [ours, other]) await eventually(() => one.userEvents().length === 3, { what: 'three events' });
    expect(ours.userEvents().sort()).toEqual(wanted);
    expect(other.userEvents().sort()).toEqual(wanted);
    const joiner = await OurSerf.start('joiner');
    await joiner.join(real.port);
    expect(
      joiner
        .userEvents()
        .map((text) => text.replace(/ \w+$/, ''))
        .sort(),
    ).toEqual(wanted.map((text) => text.replace(/ \w+$/, '')));
  });

  test('queries of ours are answered by real agents', LONG, async () => {
    const { ours } = await mixed();
    const everybody = ['late', 'other', 'ours', 'real'];
    const all = await ask(ours, 'uptime', { wantAck: true });
    expect(all.acks).toEqual(everybody);
    expect(all.responses).toEqual(Object.fromEntries(everybody.map((name) => [name, `42 from ${name}`])));
    expect((await ask(ours, 'uptime', { nodes: ['real'] })).responses).toEqual({ real: '42 from real' });
    expect(Object.keys((await ask(ours, 'uptime', { tags: { role: '^db' } })).responses).sort()).toEqual([
      'other',
      'ours',
    ]);
    expect(await ask(ours, 'uptime', { nodes: ['late'], wantAck: true, relayFactor: 2 })).toEqual({
      acks: ['late'],
      responses: { late: '42 from late' },
    });
    expect((await ask(ours, '_serf_ping', { wantAck: true })).acks).toEqual(everybody);
  });

  test('queries of real agents are answered by ours', LONG, async () => {
    const { real } = await mixed();
    const query = async (...args: string[]) => heard(await real.command('query', '-timeout=3s', ...args));
    const all = await query('uptime', 'now');
    expect(all.acks).toEqual(['late', 'other', 'ours', 'real']);
    expect(all.responses).toMatchObject({ ours: '42 from ours', other: '42 from other', late: '42 from late' });
    expect(await query('-node=ours', '-no-ack', 'uptime')).toEqual({ acks: [], responses: { ours: '42 from ours' } });
    expect(Object.keys((await query('-tag', 'role=db$', 'uptime')).responses)).toEqual(['ours']);
    expect(await query('-node=other', '-relay-factor=2', 'uptime')).toEqual({
      acks: ['other'],
      responses: { other: '42 from other' },
    });
    const reached = await run(['serf', 'reachability', ...rpcOf(real)], { timeoutMs: 60_000 });
    expect(reached.stdout).toContain('Successfully contacted all live nodes');
  });

  test('round-trip times are measured both ways', LONG, async () => {
    const { real, ours } = await mixed();
    await eventually(() => ours.serf.coordinateOf('real'), { what: 'a coordinate of real' });
    expect(await eventually(() => real.command('rtt', 'real', 'ours'))).toMatch(/rtt: [\d.]+ ms/);
    expect(real.process.output).not.toContain('Rejected coordinate');
  });

  test('who leaves is left, who is killed has failed, both ways', LONG, async () => {
    const { real, ours, other, late } = await mixed();
    await late.command('leave');
    await eventually(() => ours.status('late') === 'left', { what: 'late left' });
    await other.serf.leave();
    await eventually(async () => (await real.members())['other']!.status === 'left', { what: 'other left' });
    const victim = await RealSerf.start('victim', [`-join=127.0.0.1:${ours.port}`]);
    const twin = await OurSerf.start('twin');
    await twin.join(real.port);
    const seen = async () => await real.members();
    // Whoever does not know them yet would never see them fail.
    for (const name of ['victim', 'twin']) {
      await eventually(() => ours.status(name) === 'alive', { what: `${name} in ours` });
      await eventually(async () => (await seen())[name]?.status === 'alive', { what: `${name} in real` });
    }
    await victim.process.stop();
    await twin.serf.stop();
    for (const name of ['victim', 'twin']) {
      const slow = { withinMs: FAILURE_MS };
      await eventually(() => ours.status(name) === 'failed', { ...slow, what: `${name} failed in ours` });
      await eventually(async () => (await seen())[name]?.status === 'failed', {
        ...slow,
        what: `${name} failed in real`,
      });
    }
    expect(ours.logged).toContain('serf: EventMemberFailed: victim 127.0.0.1');

    await real.command('force-leave', 'victim');
    await eventually(() => ours.status('victim') === 'left', { what: 'victim left' });
    expect(ours.serf.forceLeave('twin', false)).toBe(true);
    await eventually(async () => (await seen())['twin']!.status === 'left', { what: 'twin left' });
    await real.command('force-leave', '-prune', 'victim');
    await eventually(() => ours.status('victim') === undefined, { what: 'victim pruned' });
    ours.serf.forceLeave('twin', true);
    await eventually(async () => (await seen())['twin'] === undefined, { what: 'twin pruned' });
    expect(ours.serf.stats()).toMatchObject({ members: '4', left: '2', failed: '0' });
  });

  test('a force-leave of somebody who is well is refuted, both ways', LONG, async () => {
    const { real, ours } = await mixed();
    await real.command('force-leave', 'ours');
    await eventually(() => ours.logged.includes('serf: Refuting an older leave intent'));
    await eventually(async () => (await real.members())['ours']!.status === 'alive');
    ours.serf.forceLeave('real', false);
    await eventually(() => ours.status('real') === 'alive', { what: 'real alive again' });
  });

  test('keys are rotated from either side', LONG, async () => {
    const [first, second, third] = await Promise.all(
      [1, 2, 3].map(async () => (await run(['serf', 'keygen'])).stdout.trim()),
    );
    const file = join(folder(), 'keyring');
    writeFileSync(file, JSON.stringify([first]));
    const real = await RealSerf.start('real', [`-keyring-file=${file}`]);
    const ours = await OurSerf.start('ours', { keys: [first!] });
    expect((await ours.join(real.port)).joined).toBe(1);
    await eventually(async () => (await real.members())['ours'] !== undefined);

    await real.command('keys', `-install=${second}`);
    expect(ours.keyringFile).toBe(readFileSync(file, 'utf8'));
    await real.command('keys', `-use=${second}`);
    await real.command('keys', `-remove=${first}`);
    expect(ours.keyringFile).toBe(`[\n  "${second}"\n]`);
    expect(await real.command('keys', '-list')).toMatch(listed(second!));

    const good = { nodes: 2, responses: 2, failures: 0 };
    expect(await ours.serf.installKey(third!, 0)).toMatchObject(good);
    expect(await ours.serf.useKey(third!, 1)).toMatchObject(good);
    expect(await ours.serf.removeKey(third!, 0)).toMatchObject({
      failures: 2,
      messages: { real: 'Removing the primary key is not allowed', ours: 'Removing the primary key is not allowed' },
    });
    expect(await ours.serf.removeKey(second!, 0)).toMatchObject(good);
    expect(await ours.serf.listKeys(0)).toMatchObject({ ...good, keys: { [third!]: 2 } });
    expect(readFileSync(file, 'utf8')).toBe(ours.keyringFile);
    expect(await real.command('keys', '-list')).toMatch(listed(third!));
  });

  test('more keys than fit into an answer are listed as far as they fit', LONG, async () => {
    const keys = Array.from({ length: 60 }, (_, i) => Buffer.alloc(16, i + 1).toString('base64'));
    const file = join(folder(), 'keyring');
    writeFileSync(file, JSON.stringify(keys));
    const real = await RealSerf.start('real', [`-keyring-file=${file}`]);
    const ours = await OurSerf.start('ours', { keys });
    expect((await ours.join(real.port)).joined).toBe(1);
    const { messages } = await ours.serf.listKeys(0);
    expect(messages['real']).toMatch(/^truncated key list response, showing first \d+ of 60 keys$/);
    expect(messages['ours']).toMatch(/^truncated key list response, showing first \d+ of 60 keys$/);
  });

  test('each starts again from the snapshot file that the other has written', LONG, async () => {
    const dir = folder();
    const snapshot = join(dir, 'local.snapshot');
    const anchor = await RealSerf.start('anchor');
    const first = await RealSerf.start('node', [`-snapshot=${snapshot}`, `-join=127.0.0.1:${anchor.port}`]);
    await first.command('event', 'before', '1');
    await first.process.until(/Received event: user-event: before/, SPREAD_MS);
    first.process.signal('SIGTERM'); // Ends without a leave.
    await first.process.exit();
    expect(readFileSync(snapshot, 'utf8')).toMatch(/\nevent-clock: 1\n/);

    const ours = await OurSerf.start('node', { dir, snapshotPath: 'local.snapshot', port: first.port });
    await eventually(() => ours.status('anchor') === 'alive', { what: 'anchor in ours' });
    expect(ours.logged).toContain(`serf: Re-joined to previously known node: anchor: 127.0.0.1:${anchor.port}`);
    await eventually(async () => (await anchor.members())['node']?.status === 'alive', { what: 'node in anchor' });
    await anchor.command('event', 'after', '2');
    await eventually(() => ours.userEvents().length > 0);
    expect(ours.userEvents()).toEqual(['after=2 true']);
    await ours.serf.stop();

    const again = await RealSerf.start('node', [`-snapshot=${snapshot}`], first.port);
    await again.process.until(/serf: Re-joined to previously known node: anchor/, SPREAD_MS);
    await anchor.command('event', 'last', '3');
    await again.process.until(/Received event: user-event: last/, SPREAD_MS);
    expect(again.process.output).not.toMatch(/Received event: user-event: (before|after)/);
    await again.command('leave');
    await again.process.exit();
    expect(readFileSync(snapshot, 'utf8')).toMatch(/\nleave\n/);

    const alone = await OurSerf.start('node', { dir, snapshotPath: 'local.snapshot', port: first.port });
    expect(alone.serf.members()).toHaveLength(1);
    await alone.serf.stop();
  });

  test('who joins with a name that is taken quits, ours and real', LONG, async () => {
    const { real, ours, other } = await mixed();
    const twin = await RealSerf.start('ours', [`-join=127.0.0.1:${real.port}`]);
    await twin.process.until(/minority in name conflict resolution, quitting/, SPREAD_MS);
    const second = await OurSerf.start('real');
    await second.join(other.port);
    await eventually(() => second.hasQuit, { what: 'the second of a name quits' });
    expect(
      second.logged.some((line) => /^serf: minority in name conflict resolution, quitting \[0 \/ \d\]$/.test(line)),
    ).toBe(true);
    expect(ours.status('real')).toBe('alive');
    expect(ours.serf.self.port).toBe(ours.port);
  });
});

/** A line of `serf keys -list`, which sets the counts off with codes of the terminal. */
function listed(key: string): RegExp {
  return new RegExp(`${key.replaceAll('+', '\\+')}.*\\[2/2\\]`);
}

function rpcOf(real: RealSerf): string[] {
  return [`-rpc-addr=127.0.0.1:${real.rpc}`];
}

describe.skipIf(noReference)('the LAN pool of the reference', () => {
  test('takes ours as a plain member: listed, asked, told of events, left', LONG, async () => {
    const [lan, wan, rpc, http] = await Promise.all([1, 2, 3, 4].map(freePort));
    const ports = [`-serf-lan-port=${lan}`, `-serf-wan-port=${wan}`, `-server-port=${rpc}`, `-http-port=${http}`];
    const off = ['-dns-port=-1', '-grpc-port=-1', '-grpc-tls-port=-1'];
    const agent = new Background([REFERENCE!, 'agent', '-dev', '-node=server', '-bind=127.0.0.1', ...ports, ...off]);
    try {
      await agent.until(/New leader elected/, 30_000);
      const ours = await OurSerf.start('ours', { tags: { role: 'web' } });
      expect(await ours.join(lan!)).toEqual({ joined: 1, errors: [] });
      expect(ours.tags('server')).toMatchObject({ role: 'consul', dc: 'dc1' });
      const members = async () =>
        (await (await fetch(`http://127.0.0.1:${http}/v1/agent/members`)).json()) as { Name: string; Status: number }[];
      const status = async () => (await members()).find((m) => m.Name === 'ours')?.Status;
      await eventually(async () => (await status()) === 1, { what: 'ours alive' });
      expect((await ask(ours, 'uptime', { wantAck: true })).acks).toEqual(['ours', 'server']);
      await fetch(`http://127.0.0.1:${http}/v1/event/fire/deploy`, { method: 'PUT', body: 'v1' });
      await eventually(() => ours.userEvents().some((text) => text.startsWith('consul:event:deploy=')));
      await eventually(() => ours.serf.coordinateOf('server'), { what: 'a coordinate' });
      await ours.serf.leave();
      await eventually(async () => (await status()) === 3, { what: 'ours left' });
      expect(agent.output).not.toContain('panic');
    } finally {
      await agent.stop();
    }
  });
});
