import { fromUtf8, noMetrics, silentLog, sleep, utf8 } from '@proconsul/base';
import { KeyList, MEMBERLIST_DEFAULTS, Memberlist } from '@proconsul/gossip';
import { nodeAesGcm, nodeNetwork, systemClock, systemRng } from '@proconsul/io-node';
import { afterEach, expect, test } from 'vitest';
import { toBase64 } from './base64.ts';
import type { SerfEvent } from './events.ts';
import { SERF_DEFAULTS, type SerfOptions } from './options.ts';
import { Serf } from './serf.ts';

const QUICK = { gossipIntervalMs: 20, probeIntervalMs: 200, probeTimeoutMs: 80, pushPullIntervalMs: 500 };

interface Started {
  readonly serf: Serf;
  readonly events: SerfEvent[];
}

const running: Serf[] = [];
afterEach(async () => {
  for (const serf of running.splice(0)) await serf.stop();
});

async function start(name: string, options: Partial<SerfOptions> = {}, keys: Uint8Array[] = []): Promise<Started> {
  const events: SerfEvent[] = [];
  const keyring = new KeyList(keys);
  const io = { clock: systemClock, rng: systemRng, log: silentLog, metrics: noMetrics };
  const serf = new Serf(
    {
      ...SERF_DEFAULTS,
      gossipIntervalMs: QUICK.gossipIntervalMs,
      leavePropagateDelayMs: 200,
      name,
      tags: {},
      ...options,
    },
    {
      ...io,
      keyring,
      pool: (delegate) =>
        new Memberlist(
          { ...MEMBERLIST_DEFAULTS, ...QUICK, name, bind: { host: '127.0.0.1', port: 0 } },
          { ...io, network: nodeNetwork, aesGcm: nodeAesGcm, keyring, delegate },
        ),
      onEvent: (event) => {
        events.push(event);
        if (event.kind === 'query') event.query.respond(utf8(`${event.query.name} of ${name}`));
      },
    },
  );
  running.push(serf);
  await serf.start();
  return { serf, events };
}

const at = ({ serf }: Started) => ({ host: serf.self.address, port: serf.self.port });
const statuses = ({ serf }: Started) => Object.fromEntries(serf.members().map((m) => [m.name, m.status]));

async function until(fact: () => boolean, what: string): Promise<void> {
  const end = systemClock.now() + 15_000;
  while (!fact()) {
    if (systemClock.now() > end) throw new Error(`not in time: ${what}`);
    await sleep(systemClock, 10);
  }
}

async function pool(...names: string[]): Promise<Started[]> {
  const all: Started[] = [];
  for (const name of names) {
    const one = await start(name, { tags: { role: name } });
    if (all.length > 0)
      expect(await one.serf.join([at(all[0]!)], { ignoreOldEvents: true })).toMatchObject({ joined: 1 });
    all.push(one);
  }
  await until(() => all.every(({ serf }) => serf.members().length === names.length), 'everybody knows everybody');
  return all;
}

test('three members: tags, an event, a query, coordinates, a leave and a failure', async () => {
  const [a, b, c] = (await pool('a', 'b', 'c')) as [Started, Started, Started];
  expect(
    a.serf
      .members()
      .map((m) => m.tags['role'])
      .sort(),
  ).toEqual(['a', 'b', 'c']);
  expect(a.serf.self).toMatchObject({ name: 'a', status: 'alive', delegate: [2, 5, 4], protocol: [1, 5, 2] });

  a.serf.userEvent('deploy', utf8('v1'), false);
  const seen = ({ events }: Started) => events.filter((e) => e.kind === 'user').map((e) => `${e.name} ${e.coalesce}`);
  await until(() => seen(c).length > 0, 'the event');
  expect(seen(c)).toEqual(['deploy false']);

  const answers: string[] = [];
  const acks: string[] = [];
  await b.serf.query('uptime', utf8(''), {
    wantAck: true,
    relayFactor: 1,
    timeoutMs: 10_000,
    onAck: (from) => acks.push(from),
    onResponse: (_, payload) => answers.push(fromUtf8(payload)),
  });
  expect(acks.sort()).toEqual(['a', 'b', 'c']);
  expect(answers.sort()).toEqual(['uptime of a', 'uptime of b', 'uptime of c']);

  b.serf.setTags({ role: 'changed' });
  await until(() => a.serf.members().some((m) => m.tags['role'] === 'changed'), 'the new tags');
  await until(() => a.serf.coordinateOf('b') !== undefined, 'coordinates');
  expect(a.serf.coordinate().Vec).toHaveLength(8);

  await b.serf.leave();
  await until(() => statuses(a)['b'] === 'left', 'b left');
  await c.serf.stop();
  await until(() => statuses(a)['c'] === 'failed', 'c failed');
  expect(a.serf.forceLeave('c', true)).toBe(true);
  expect(statuses(a)).toEqual({ a: 'alive', b: 'left' });
});

test('keys are rotated while members talk encrypted', async () => {
  const first = new Uint8Array(32).fill(1);
  const second = toBase64(new Uint8Array(16).fill(2));
  const a = await start('a', {}, [first]);
  const b = await start('b', {}, [first]);
  const stranger = await start('x');
  expect((await b.serf.join([at(a)], { ignoreOldEvents: true })).joined).toBe(1);
  expect((await stranger.serf.join([at(a)], { ignoreOldEvents: true })).joined).toBe(0);
  expect(a.serf.stats()['encrypted']).toBe('true');
  expect(await a.serf.installKey(second, 0)).toMatchObject({ nodes: 2, responses: 2, failures: 0 });
  expect(await b.serf.useKey(second, 0)).toMatchObject({ responses: 2, failures: 0 });
  expect(await a.serf.removeKey(toBase64(first), 0)).toMatchObject({ responses: 2, failures: 0 });
  expect(await b.serf.listKeys(0)).toMatchObject({ keys: { [second]: 2 }, primaryKeys: { [second]: 2 } });
});
