import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, run, TestAgent } from '../../e2e/harness.ts';
import { real } from '../reference.ts';
import type { Against } from './lines.ts';

/** Who answers: an agent of the reference or one of ours, with the environment in which lines are run against it. */
export interface World {
  readonly name: string;
  readonly holds: ReadonlySet<Against>;
  readonly env: Readonly<Record<string, string>>;
  /** Makes the agent forget what lines have written. */
  reset(): Promise<void>;
  stop(): Promise<void>;
}

const PORTS = { http: 8500, dns: 8600, server: 8300, serf_lan: 8301, serf_wan: 8302 };
const ENCRYPT = 'pUqJrVyVRj5jsiYEkM/tFQYfWyJIv4s3XkvDwy7Cu5s=';
export const ROOT_TOKEN = '11111111-1111-1111-1111-111111111111';

/** Nobody answers. */
export const nobody: World = {
  name: 'nobody',
  holds: new Set(['nobody']),
  env: { CONSUL_HTTP_ADDR: '127.8.20.9:1', HOST: '127.8.20.9' },
  reset: async () => {},
  stop: async () => {},
};

/** A server `n1`, and a client agent `n2` of the reference in its pool. */
export async function pair(name: 'reference' | 'ours'): Promise<World> {
  const at = name === 'reference' ? 1 : 2;
  const [host, other] = [`127.8.20.${at}`, `127.8.20.${at + 10}`];
  const dir = mkdtempSync(join(tmpdir(), 'alike-cli-'));
  const must = async (...words: string[]) => {
    const { code, stderr } = await run([...real, ...words], { cwd: dir });
    if (code !== 0) throw new Error(stderr);
  };
  await must('tls', 'ca', 'create');
  await must('tls', 'cert', 'create', '-server', '-additional-ipaddress', host);
  const socket = join(dir, 'http.sock');
  const both = { disable_update_check: true, disable_remote_exec: false, encrypt: ENCRYPT };
  const config = {
    ...both,
    node_id: '11112222-3333-4444-5555-666677778888',
    enable_local_script_checks: true,
    enable_debug: true,
    addresses: { http: `${host} unix://${socket}` },
    ports: { https: 8501 },
    tls: {
      https: { cert_file: join(dir, 'dc1-server-consul-0.pem'), key_file: join(dir, 'dc1-server-consul-0-key.pem') },
    },
  };
  const program = name === 'reference' ? { program: real } : {};
  const server = new TestAgent({ node: 'n1', host, ports: PORTS, config, ...program });
  const client = new TestAgent({
    node: 'n2',
    mode: 'client',
    host: other,
    ports: PORTS,
    config: { ...both, node_id: '22223333-4444-5555-6666-777788889999', retry_join: [host], retry_interval: '500ms' },
    program: real,
  });
  const stop = async () => {
    await Promise.all([server.stop(), client.stop()]);
    rmSync(dir, { recursive: true });
  };
  try {
    await Promise.all([server.start(), client.start()]);
    await eventually(async () => (await server.get('/v1/catalog/nodes')).text.includes('"n2"'), { withinMs: 20_000 });
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    name,
    holds: new Set(name === 'reference' ? ['any', 'reference'] : ['any']),
    env: { CONSUL_HTTP_ADDR: `${host}:8500`, HOST: host, SOCKET: socket, CA: join(dir, 'consul-agent-ca.pem') },
    reset: () => forget(server),
    stop,
  };
}

/** A server of the reference with ACLs, which refuses whoever has no token. */
export async function withAcls(): Promise<World> {
  const host = '127.8.20.3';
  const config = {
    disable_update_check: true,
    disable_remote_exec: false,
    acl: { enabled: true, default_policy: 'deny', tokens: { initial_management: ROOT_TOKEN, agent: ROOT_TOKEN } },
  };
  const server = new TestAgent({ node: 'n1', host, ports: PORTS, config, program: real });
  server.spawn();
  const root = { 'X-Consul-Token': ROOT_TOKEN };
  try {
    await eventually(async () => (await server.get('/v1/health/service/consul?passing', root)).text.includes('serfH'), {
      withinMs: 20_000,
    });
  } catch (error) {
    await server.stop();
    throw error;
  }
  return {
    name: 'reference with ACLs',
    holds: new Set(['acl']),
    env: { CONSUL_HTTP_ADDR: `${host}:8500`, HOST: host, ROOT: ROOT_TOKEN },
    reset: async () => {
      await server.request('DELETE', '/v1/kv/?recurse', undefined, root);
    },
    stop: () => server.stop(),
  };
}

const KINDS =
  'service-defaults|proxy-defaults|service-intentions|exported-services|service-router|service-resolver'.split('|');

async function forget(agent: TestAgent): Promise<void> {
  const list = async (path: string) => (await agent.get(path)).json();
  await agent.delete('/v1/kv/?recurse');
  await agent.put('/v1/agent/maintenance?enable=false');
  for (const id of Object.keys(await list('/v1/agent/services'))) await agent.put(`/v1/agent/service/deregister/${id}`);
  for (const id of Object.keys(await list('/v1/agent/checks'))) await agent.put(`/v1/agent/check/deregister/${id}`);
  for (const { ID } of await list('/v1/session/list')) await agent.put(`/v1/session/destroy/${ID}`);
  for (const { ID } of await list('/v1/query')) await agent.delete(`/v1/query/${ID}`);
  for (const { Node } of await list('/v1/catalog/nodes'))
    if (Node !== 'n1' && Node !== 'n2') await agent.put('/v1/catalog/deregister', { Node });
  for (const kind of KINDS)
    for (const { Name } of await list(`/v1/config/${kind}`)) await agent.delete(`/v1/config/${kind}/${Name}`);
}
