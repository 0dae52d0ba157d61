import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Background } from './background.ts';
import { eventually, program, programMissing, type Ran, root, run, skipBecause } from './harness.ts';

/** A network of its own, as a container has, for somebody who is no more than root of it. */
const ISOLATED = ['unshare', '--user', '--map-root-user', '--net'];

function noNamespaces(): string | false {
  const tried = spawnSync(ISOLATED[0] as string, [...ISOLATED.slice(1), 'ip', 'link', 'add', 'eth0', 'type', 'bridge']);
  return tried.status === 0 ? false : 'networks of their own cannot be made here (unshare, ip)';
}

let home = '';
let container: Background | undefined;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'container-'));
  for (const directory of ['bin', 'config', 'data']) mkdirSync(join(home, directory));
  const consul = join(home, 'bin/consul');
  writeFileSync(consul, `#!/bin/sh\nexec ${program().join(' ')} "$@"\n`);
  chmodSync(consul, 0o755);
});
afterEach(async () => {
  await container?.stop();
  rmSync(home, { recursive: true, force: true });
});

const inside = () => ({
  PATH: `${join(home, 'bin')}:${process.env['PATH']}`,
  CONSUL_DATA_DIR: join(home, 'data'),
  CONSUL_CONFIG_DIR: join(home, 'config'),
  CONSUL_DISABLE_PERM_MGMT: '',
});

/** Starts the entry script where `eth0` and `eth1` have these addresses. */
function start(eth0: string, eth1: string, words: readonly string[], env: Record<string, string>): Background {
  const lines = [
    'ip link set lo up',
    ...[`eth0 ${eth0}`, `eth1 ${eth1}`].flatMap((pair) => {
      const [name, address] = pair.split(' ');
      return [`ip link add ${name} type bridge`, `ip addr add ${address}/24 dev ${name}`, `ip link set ${name} up`];
    }),
    `exec sh ${join(root, 'docker/entrypoint.sh')} "$@"`,
  ];
  const command = [...ISOLATED, 'sh', '-ec', lines.join('\n'), 'sh', ...words];
  container = new Background(command, { env: { ...inside(), ...env } });
  return container;
}

/** Runs a command in the network of the agent, as `docker exec` does. */
function exec(...words: readonly string[]): Promise<Ran> {
  const pid = readFileSync(join(home, 'pid'), 'utf8');
  const enter = ['nsenter', '--preserve-credentials', '--user', '--net', '--target', pid];
  return run([...enter, 'consul', ...words], { env: { ...inside(), CONSUL_HTTP_ADDR: '172.29.1.5:8500' } });
}

async function written(key: string, value: string): Promise<void> {
  await eventually(async () => (await exec('kv', 'put', key, value)).code === 0, { what: `the key ${key}` });
}

const skip = skipBecause(programMissing()) || skipBecause(noNamespaces());

describe.skipIf(skip)('a container with two networks', () => {
  const settings = () => ({
    CONSUL_BIND_INTERFACE: 'eth1',
    CONSUL_CLIENT_INTERFACE: 'eth0',
    CONSUL_LOCAL_CONFIG: `node_name = "keeper"\npid_file = "${join(home, 'pid')}"\nperformance { raft_multiplier = 1 }`,
  });
  const words = ['-server', '-bootstrap'];

  test('talks to other agents on one and to programs on the other, and keeps what it is when it is made anew', async () => {
    const first = start('172.29.1.5', '172.29.2.6', words, settings());
    await first.until(/Consul agent running/);
    await written('a', 'kept');
    const nodes = async () => (await exec('catalog', 'nodes')).stdout.split('\n')[1]?.split(/\s+/);
    const before = await nodes();
    expect(before).toEqual(['keeper', expect.stringMatching(/^[0-9a-f]{8}$/), '172.29.2.6', 'dc1']);
    first.signal('SIGTERM');
    expect(await first.exit()).toBe(1); // A server does not leave; the reference ends with 1 too.

    const second = start('172.29.1.5', '172.29.2.7', words, settings());
    await second.until(/Consul agent running/);
    await written('b', 'new');
    expect((await exec('kv', 'get', 'a')).stdout).toBe('kept\n');
    await eventually(async () => (await nodes())?.[2] === '172.29.2.7', { what: 'the new address' });
    expect(await nodes()).toEqual(['keeper', before?.[1], '172.29.2.7', 'dc1']);
    const peers = async () => (await exec('operator', 'raft', 'list-peers')).stdout;
    await eventually(async () => (await peers()).includes('172.29.2.7:8300'), { what: 'the new address of the peer' });
  }, 30_000);
});
