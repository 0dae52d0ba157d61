import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Background } from './background.ts';
import {
  eventually,
  freePort,
  has,
  programMissing,
  root,
  run,
  skipBecause,
  startAgent,
  type TestAgent,
} from './harness.ts';

// Programs and libraries that find their peers through Consul, as their makers ship them, with the configuration of their manuals.

const goPrograms = join(root, 'tests/e2e/clients/go-programs');
const GO_BUILD_WITHIN_MS = 400_000; // The first build compiles some hundred packages.

/** Tests fetch nothing unless they are told to. */
function goMissing(): string | undefined {
  if (!has('go')) return 'go is not installed';
  if (process.env['E2E_CLIENTS']) return undefined;
  const found = spawnSync('go', ['list', '-deps', '.'], { cwd: goPrograms, env: { ...process.env, GOPROXY: 'off' } });
  return found.status === 0 ? undefined : 'the libraries are not in the module cache: set E2E_CLIENTS=1 to fetch them';
}

const noProgram = skipBecause(programMissing());
const installed = (name: string) => noProgram || skipBecause(!has(name) && `${name} is not installed`);

describe.skipIf(noProgram)('programs as they are', () => {
  let agent: TestAgent;
  let dir: string;
  const running: Background[] = [];
  const servers: Server[] = [];

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'proconsul-programs-'));
    agent = await startAgent({ node: 'n1', config: { telemetry: { prometheus_retention_time: '60s' } } });
  });
  afterEach(async () => {
    for (const program of running.splice(0)) await program.stop();
    for (const server of servers.splice(0)) server.close();
  });
  afterAll(async () => {
    await agent?.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  const start = (command: readonly string[]): Background => {
    const program = new Background(command);
    running.push(program);
    return program;
  };

  /** An HTTP server that answers with its name. */
  const backend = async (name: string): Promise<number> => {
    const server = createServer((_, reply) => reply.end(name));
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  };

  const register = async (service: string, id: string, port: number) => {
    const check = { CheckID: `${id}-ttl`, TTL: '10m', Status: 'passing' };
    const body = { Name: service, ID: id, Address: '127.0.0.1', Port: port, Tags: ['scraped'], Check: check };
    expect((await agent.put('/v1/agent/service/register', body)).status).toBe(200);
  };

  test.skipIf(installed('prometheus'))('Prometheus scrapes the agent', { timeout: 60_000 }, async () => {
    const listen = `127.0.0.1:${await freePort()}`;
    const file = join(dir, 'prometheus.yml');
    writeFileSync(
      file,
      `
global: {scrape_interval: 1s, scrape_timeout: 1s}
scrape_configs:
  - job_name: agent
    metrics_path: /v1/agent/metrics
    params: {format: [prometheus]}
    static_configs: [{targets: ['${agent.address}']}]
`,
    );
    const data = join(dir, 'prometheus');
    start(['prometheus', `--config.file=${file}`, `--storage.tsdb.path=${data}`, `--web.listen-address=${listen}`]);
    const value = async (query: string) => {
      const reply = await fetch(`http://${listen}/api/v1/query?query=${encodeURIComponent(query)}`);
      const { data } = (await reply.json()) as { data: { result: { value: [number, string] }[] } };
      return Number(data.result[0]?.value[1]);
    };
    await eventually(async () => (await value('up{job="agent"}')) === 1, { withinMs: 40_000, what: 'a scrape' });
    expect(await value('sum(consul_api_http_count)')).toBeGreaterThan(0);
  });

  test.skipIf(installed('haproxy'))(
    'HAProxy sends requests to the healthy instances that DNS tells it',
    { timeout: 60_000 },
    async () => {
      await register('shop', 's1', await backend('one'));
      await register('shop', 's2', await backend('two'));
      const listen = `127.0.0.1:${await freePort()}`;
      const file = join(dir, 'haproxy.cfg');
      mkdirSync(join(dir, 'haproxy'));
      writeFileSync(
        file,
        `
defaults
  mode http
  timeout connect 1s
  timeout client 5s
  timeout server 5s
resolvers consul
  nameserver consul 127.0.0.1:${agent.ports.dns}
  accepted_payload_size 8192
  hold valid 200ms
  timeout resolve 200ms
frontend shop
  bind ${listen}
  default_backend shop
backend shop
  balance roundrobin
  server-template shop 4 _shop._tcp.service.consul resolvers consul resolve-opts allow-dup-ip resolve-prefer ipv4 init-addr none
`,
      );
      start(['haproxy', '-db', '-f', file]);
      const answers = async () => {
        const texts = new Set<string>();
        for (let i = 0; i < 6; i++) texts.add(await (await fetch(`http://${listen}/`)).text());
        return [...texts].sort().join();
      };
      await eventually(async () => (await answers()) === 'one,two', { what: 'both instances' });
      await agent.put('/v1/agent/check/fail/s1-ttl');
      await eventually(async () => (await answers()) === 'two', { what: 'the healthy instance alone' });
    },
  );

  describe.skipIf(noProgram || skipBecause(goMissing()))('Go libraries', () => {
    let binary: string;
    beforeAll(async () => {
      binary = join(dir, 'go-programs');
      const built = await run(['go', 'build', '-buildvcs=false', '-o', binary, '.'], {
        cwd: goPrograms,
        timeoutMs: GO_BUILD_WITHIN_MS,
      });
      expect(built.stderr.replace(/^go: downloading.*$/gm, '').trim()).toBe('');
    }, GO_BUILD_WITHIN_MS);

    test.for([
      ['go-kit', 'ok 127.0.0.1:7001 127.0.0.1:7002\nok 127.0.0.1:7002\n'],
      ['grpc', 'ok SERVING\nok 1 passing\nok SERVING\n'],
      ['prometheus', 'ok m1 m2\nok m2\n'],
    ] as const)('%s finds instances, and notices that one is gone', { timeout: 70_000 }, async ([name, wanted]) => {
      const ran = await run([binary, name, agent.address], { timeoutMs: 65_000 });
      expect(ran).toMatchObject({ code: 0, stdout: wanted });
    });
  });
});
