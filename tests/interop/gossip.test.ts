import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { concatBytes, type Log, noMetrics } from '@proconsul/base';
import { type Delegate, type GossipNode, KeyList, MEMBERLIST_DEFAULTS, Memberlist } from '@proconsul/gossip';
import { nodeAesGcm, nodeNetwork, systemClock, systemRng } from '@proconsul/io-node';
import { Writer } from '@proconsul/msgpack';
import { afterEach, describe, expect, test } from 'vitest';
import { eventually, pause } from '../e2e/eventually.ts';
import { freePort } from '../e2e/ports.ts';

/*
 * A member of ours in a LAN pool of the reference program, which CONSUL_BIN names. Nothing above gossip: the tags of a
 * client agent, and an empty state of Serf.
 *     CONSUL_BIN=... GOSSIP_SECONDS=60 npx vitest run tests/interop/gossip.test.ts
 */

const REFERENCE = process.env['CONSUL_BIN'];
const STAYS_S = Number(process.env['GOSSIP_SECONDS'] ?? 10);

interface Agent {
  readonly child: ChildProcess;
  readonly lan: number;
  readonly http: number;
  readonly log: () => string;
}

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const fn of undo.splice(0).reverse()) await fn();
});

async function agent(name: string, args: readonly string[]): Promise<Agent> {
  const dir = mkdtempSync(join(tmpdir(), 'gossip-interop-'));
  const ports: number[] = [];
  while (ports.length < 6) ports.push(await freePort());
  const [lan, wan, rpc, http, dns, grpc] = ports;
  const child = spawn(
    REFERENCE!,
    [
      ...[
        'agent',
        '-node',
        name,
        '-data-dir',
        dir,
        '-bind',
        '127.0.0.1',
        '-client',
        '127.0.0.1',
        '-log-level',
        'trace',
      ],
      ...[`-serf-lan-port=${lan}`, `-http-port=${http}`, `-dns-port=${dns}`, `-grpc-tls-port=${grpc}`],
      ...(args.includes('-server') ? [`-serf-wan-port=${wan}`, `-server-port=${rpc}`] : []),
      ...args,
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let log = '';
  for (const out of [child.stdout!, child.stderr!]) out.on('data', (text) => (log += text));
  undo.push(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await gone;
    }
    rmSync(dir, { recursive: true, force: true });
  });
  const it = { child, lan: lan!, http: http!, log: () => log };
  await eventually(async () => (await members(it)).has(name), { what: `agent ${name}`, withinMs: 30_000 });
  return it;
}

/** Status by name, as the agent's API numbers it: 1 alive, 3 left, 4 failed. */
async function members({ http }: Agent): Promise<Map<string, number>> {
  const list = (await (await fetch(`http://127.0.0.1:${http}/v1/agent/members`)).json()) as Record<string, unknown>[];
  return new Map(list.map((m) => [String(m['Name']), Number(m['Status'])]));
}

/** The state of a Serf that has seen nothing: type byte 2, then its clocks. */
function emptySerfState(name: string): Uint8Array {
  const w = new Writer('gossip');
  w.byte(2);
  w.mapHeader(6);
  w.key('EventLTime');
  w.uint(1);
  w.key('Events');
  w.nil();
  w.key('LTime');
  w.uint(1);
  w.key('LeftMembers');
  w.arrayHeader(0);
  w.key('QueryLTime');
  w.uint(1);
  w.key('StatusLTimes');
  w.mapHeader(1);
  w.str(name);
  w.uint(1);
  return w.finish();
}

function clientTags(): Uint8Array {
  const id = '00000000-0000-4000-8000-00000000a11e';
  const tags = { build: '1.21.0:', dc: 'dc1', id, role: 'node', segment: '', vsn: '2', vsn_max: '3', vsn_min: '2' };
  const w = new Writer('gossip');
  w.mapHeader(Object.keys(tags).length);
  for (const [key, value] of Object.entries(tags)) {
    w.key(key);
    w.str(value);
  }
  return concatBytes([Uint8Array.of(255), w.finish()]);
}

interface Ours {
  readonly pool: Memberlist;
  readonly lines: string[];
  readonly events: string[];
  readonly heard: Set<number>;
}

async function ours(name: string, key?: Uint8Array): Promise<Ours> {
  const lines: string[] = [];
  const events: string[] = [];
  const heard = new Set<number>();
  const put = (text: string): void => void lines.push(text);
  const log: Log = { trace: put, debug: put, info: put, warn: put, error: put, named: () => log };
  const note =
    (what: string) =>
    (node: GossipNode): void =>
      void events.push(`${what} ${node.name} ${node.state}`);
  const delegate: Delegate = {
    meta: clientTags,
    onMessage: (message) => void heard.add(message[0]!),
    broadcasts: () => [],
    localState: () => emptySerfState(name),
    mergeState: (state) => void heard.add(state[0]!),
    onJoin: note('join'),
    onLeave: note('leave'),
    onUpdate: note('update'),
  };
  const pool = new Memberlist(
    { ...MEMBERLIST_DEFAULTS, name, bind: { host: '127.0.0.1', port: await freePort() } },
    {
      clock: systemClock,
      rng: systemRng,
      network: nodeNetwork,
      log,
      metrics: noMetrics,
      delegate,
      aesGcm: nodeAesGcm,
      keyring: new KeyList(key === undefined ? [] : [key]),
    },
  );
  await pool.start();
  undo.push(() => pool.stop());
  return { pool, lines, events, heard };
}

describe.skipIf(REFERENCE === undefined)('in a pool of the reference program', () => {
  test.for([{ encrypted: false }, { encrypted: true }])(
    'we stay alive, find failures and leave (encrypted: $encrypted)',
    { timeout: (STAYS_S + 120) * 1000 },
    async ({ encrypted }) => {
      const key = encrypted ? systemRng.bytes(32) : undefined;
      const encrypt = key === undefined ? [] : ['-encrypt', Buffer.from(key).toString('base64')];
      const s1 = await agent('s1', ['-server', '-bootstrap', ...encrypt]);
      const c1 = await agent('c1', ['-retry-join', `127.0.0.1:${s1.lan}`, ...encrypt]);
      const we = await ours('we', key);
      expect((await we.pool.join([{ host: '127.0.0.1', port: s1.lan }])).errors).toEqual([]);
      await eventually(() => we.pool.aliveCount() === 3, { what: 'three members' });

      for (let second = 0; second < STAYS_S; second++) {
        await pause(1000);
        for (const one of [s1, c1]) expect((await members(one)).get('we')).toBe(1);
        expect(we.pool.aliveCount()).toBe(3);
      }
      const all = [s1.log(), c1.log(), we.lines.join('\n')].join('\n');
      expect(all).not.toMatch(/Suspect|Refuting|Failed UDP ping|Failed to decode|Decrypt packet failed|misconfigured/);
      expect(we.pool.healthScore()).toBe(0);
      expect([...we.heard]).toEqual(expect.arrayContaining([1, 2])); // Join intents and full states of Serf.

      c1.child.kill('SIGKILL');
      await eventually(() => we.events.includes('leave c1 2'), { what: 'the failure of c1', withinMs: 60_000 });
      await eventually(async () => (await members(s1)).get('c1') === 4, { what: 'the same at s1', withinMs: 60_000 });
      await we.pool.leave(5_000);
      await eventually(async () => (await members(s1)).get('we') !== 1, { what: 'our leave at s1' });
      expect(s1.log()).not.toMatch(/Suspect we/);
    },
  );
});
