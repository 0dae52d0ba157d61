import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Background } from './background.ts';
import {
  eventually,
  freePort,
  lacks,
  programMissing,
  root,
  run,
  skipBecause,
  startAgent,
  type TestAgent,
} from './harness.ts';

// Scene: a Go service with the official client, unchanged.

const folder = join(root, 'examples/go-service');
const skip = skipBecause(programMissing()) || lacks('go') || skipBecause(clientMissing());
const BUILD_WITHIN_MS = 240_000; // The first build fetches and compiles the official client.

/** Tests fetch nothing unless they are told to. */
function clientMissing(): string | undefined {
  if (process.env['E2E_CLIENTS']) return undefined;
  const env = { ...process.env, GOPROXY: 'off' };
  const found = spawnSync('go', ['list', '-deps', '.'], { cwd: folder, env }).status === 0;
  return found ? undefined : 'the official Go client is not in the module cache: set E2E_CLIENTS=1 to fetch it';
}

describe.skipIf(skip)('the Go service of the examples', () => {
  let agent: TestAgent;
  let dir: string;
  let binary: string;

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'proconsul-go-'));
    binary = join(dir, 'goservice');
    const built = await run(['go', 'build', '-buildvcs=false', '-o', binary, '.'], {
      cwd: folder,
      timeoutMs: BUILD_WITHIN_MS,
    });
    expect(built.stderr.replace(/^go: downloading.*$/gm, '').trim()).toBe('');
    agent = await startAgent();
  }, BUILD_WITHIN_MS + 60_000);

  afterAll(async () => {
    await agent?.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  const start = (port: number) =>
    new Background([binary, '-name', 'worker', '-listen', `127.0.0.1:${port}`], {
      env: { CONSUL_HTTP_ADDR: agent.address },
    });

  test('registers, is found healthy, stores its load, and leaves on SIGTERM', async () => {
    const port = await freePort();
    const service = start(port);
    try {
      await service.until(/registered: worker-127\.0\.0\.1:\d+/);
      await service.until(/services: consul worker\n/);
      await service.until(new RegExp(`healthy: worker-127\\.0\\.0\\.1:${port} 127\\.0\\.0\\.1:${port}\n`));
      await service.until(new RegExp(`stored: worker/127\\.0\\.0\\.1:${port} load=100 ts=\\d{10}\n`));
      const stored = await agent.get(`/v1/kv/worker/127.0.0.1:${port}?raw`);
      expect(stored.text).toMatch(/^\{"load":100,"ts":\d{10}\}$/);
      const [check] = (await agent.get('/v1/health/checks/worker')).json();
      expect(check).toMatchObject({ Status: 'passing', Type: 'http', Interval: '5s', Timeout: '1s' });
      expect(check.Output).toContain('/status: 200 OK Output: ok');
      service.signal('SIGTERM');
      expect(await service.exit()).toBe(0);
      expect(service.output).toContain(`deregistered: worker-127.0.0.1:${port}\n`);
      expect((await agent.get('/v1/health/service/worker')).json()).toEqual([]);
    } finally {
      await service.stop();
    }
  });

  test('managers see workers come and go', async () => {
    const [a, b] = [start(await freePort()), start(await freePort())];
    const passing = async () => (await agent.get('/v1/health/service/worker?passing')).json().length as number;
    try {
      await eventually(async () => (await passing()) === 2);
      a.signal('SIGINT');
      await a.exit();
      expect(await passing()).toBe(1);
      await b.stop(); // Killed: nobody deregisters it, its check fails instead.
      await eventually(async () => (await passing()) === 0);
      expect((await agent.get('/v1/health/service/worker')).json()).toHaveLength(1);
    } finally {
      await a.stop();
      await b.stop();
    }
  });

  test('is critical while its status page fails', async () => {
    const port = await freePort();
    let status = 200;
    const server: Server = createServer((_, res) => {
      res.writeHead(status).end('page');
    }).listen(port, '127.0.0.1');
    try {
      await agent.mustPut('/v1/agent/service/register', {
        Name: 'page',
        Port: port,
        Check: { HTTP: `http://127.0.0.1:${port}/status`, Interval: '1s', Timeout: '1s' },
      });
      const state = async () => (await agent.get('/v1/health/checks/page')).json()[0]?.Status;
      await eventually(async () => (await state()) === 'passing');
      status = 500;
      await eventually(async () => (await state()) === 'critical');
      status = 429;
      await eventually(async () => (await state()) === 'warning');
    } finally {
      server.close();
    }
  });
});
