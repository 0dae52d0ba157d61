import { createServer, type Server, connect as tcpConnect } from 'node:net';
import type { Network } from '@proconsul/base';
import { nodeNetwork } from '@proconsul/io-node';
import { afterEach, describe, expect, test } from 'vitest';
import { Cluster } from '../cluster/cluster.ts';
import { type EventuallyOptions, eventually as within } from '../e2e/eventually.ts';
import { freePort } from '../e2e/ports.ts';
import { lacks, skipBecause } from '../e2e/program.ts';
import { onlyWithTime, real } from './reference.ts';
import { endAll, later, OurSerf, RealSerf } from './serf-agents.ts';

/*
 * Pools of both programs over a while: failures, members without packets.
 *     CONSUL_BIN=... npm run interop -- pools
 */

const LONG = { timeout: 240_000 };

const eventually = <T>(ask: () => T | Promise<T>, options: EventuallyOptions = {}) =>
  within(ask, { withinMs: 60_000, ...options });

afterEach(endAll, 30_000);

/** Streams pass to `to`, packets do not: where one of both is blocked, it looks like this. */
async function streamsOnly(to: number): Promise<number> {
  const port = await freePort();
  const server: Server = createServer((near) => {
    const far = tcpConnect(to, '127.0.0.1');
    near.pipe(far).pipe(near);
    for (const socket of [near, far]) socket.on('error', () => socket.destroy());
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  later(() => server.close());
  return port;
}

/** The network of a member that hears no packets, and says none. */
const withoutPackets: Network = {
  ...nodeNetwork,
  bindUdp: async (options) => {
    const socket = await nodeNetwork.bindUdp(options, () => undefined);
    return { ...socket, local: socket.local, send: () => undefined, close: () => socket.close() };
  },
};

/** Old and new wording. */
const MISCONFIGURED = /Was able to connect to (\S+) (?:over TCP but UDP|but other) probes failed, network may be/;

describe.skipIf(onlyWithTime() || lacks('serf'))('members of both programs', () => {
  test('one of ours that packets do not reach is kept, by the streams of real members', LONG, async () => {
    const one = await RealSerf.start('one');
    const two = await RealSerf.start('two', [`-join=127.0.0.1:${one.port}`]);
    const mute = await OurSerf.start('mute', { network: withoutPackets });
    expect((await mute.join(one.port)).joined).toBe(1);
    await eventually(async () => (await two.members())['mute']?.status === 'alive');
    for (const each of [one, two]) await each.process.until(MISCONFIGURED, 60_000);
    // Whoever probes it finds it again and again.
    expect((await one.members())['mute']?.status).toBe('alive');
    expect((await two.members())['mute']?.status).toBe('alive');
    for (const each of [one, two]) expect(each.process.output).not.toMatch(/EventMemberFailed: mute/);
  });

  test('a real one that packets do not reach is kept, by the streams of ours', LONG, async () => {
    const inner = await freePort();
    const outer = await streamsOnly(inner);
    const mute = await RealSerf.start('mute', [`-advertise=127.0.0.1:${outer}`], inner);
    const ours = await OurSerf.start('ours');
    const other = await OurSerf.start('other');
    expect((await ours.join(outer)).joined).toBe(1);
    expect((await other.join(ours.port)).joined).toBe(1);
    await eventually(() => other.status('mute') === 'alive');
    for (const each of [ours, other]) {
      const warned = () => each.logged.some((line) => MISCONFIGURED.exec(line)?.[1] === 'mute');
      await eventually(warned, { what: 'the warning' });
      expect(each.status('mute')).toBe('alive');
      expect(each.logged.some((line) => line.includes('EventMemberFailed: mute'))).toBe(false);
    }
    await eventually(async () => (await mute.members())['other']?.status === 'alive');
  });
});

describe.skipIf(onlyWithTime() || skipBecause(!real[0] && 'no reference'))('five agents of both programs', () => {
  let cluster: Cluster | undefined;
  afterEach(() => cluster?.stop(), 30_000);

  test('see one fail that was killed, and come back when it starts again', LONG, async () => {
    cluster = await Cluster.start({ servers: 1, clients: 4, programs: { s1: real, c2: real, c4: real } });
    for (const name of ['c1', 'c2']) {
      const victim = cluster.clients.find((c) => c.options.node === name)!;
      const others = cluster.all.filter((agent) => agent !== victim);
      await victim.kill();
      for (const other of others) {
        await eventually(async () => (await cluster!.members(other))[name] === 'failed', { what: `${name} failed` });
      }
      await eventually(async () => {
        const checks = (await cluster!.servers[0]!.get(`/v1/health/node/${name}`)).json();
        return checks.find((c: { CheckID: string }) => c.CheckID === 'serfHealth')?.Status === 'critical';
      });
      await victim.start();
      for (const agent of cluster.all) {
        await eventually(async () => (await cluster!.members(agent))[name] === 'alive', { what: `${name} is back` });
      }
      await cluster.untilWhole();
    }
  });
});
