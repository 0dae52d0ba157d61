import { rmSync } from 'node:fs';
import { createServer, type Server as HttpServer } from 'node:http';
import type { Http2Server } from 'node:http2';
import { createServer as createTcpServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually, freePort, programMissing, skipBecause, startAgent, type TestAgent } from './harness.ts';
import { dockerEngine, grpcHealthServer, listening } from './peers.ts';

// Scene 12: checks of every kind, each seen passing and then failing.

describe.skipIf(skipBecause(programMissing()))('scenes: checks', () => {
  let agent: TestAgent;
  const socket = join(tmpdir(), `engine-${process.pid}-${Math.random().toString(36).slice(2)}.sock`);
  const servers: (Server | HttpServer | Http2Server)[] = [];
  let exitCode = 0;
  let httpStatus = 200;
  const serving = new Set(['', 'hello']);
  let httpPort: number;
  let tcpPort: number;
  let grpcPort: number;

  beforeAll(async () => {
    [httpPort, tcpPort, grpcPort] = [await freePort(), await freePort(), await freePort()];
    servers.push(
      await listening(
        createServer((req, res) => res.writeHead(httpStatus).end(`${req.method}`)),
        httpPort,
      ),
    );
    servers.push(
      await listening(
        createTcpServer((s) => s.destroy()),
        tcpPort,
      ),
    );
    servers.push(await listening(grpcHealthServer(serving), grpcPort));
    servers.push(
      await listening(
        dockerEngine('from inside', () => exitCode),
        socket,
      ),
    );
    agent = await startAgent({
      config: { enable_local_script_checks: true, enable_script_checks: true },
      env: { DOCKER_HOST: `unix://${socket}` },
    });
  });
  afterAll(async () => {
    for (const server of servers) server.close();
    await agent?.stop();
    rmSync(socket, { force: true });
  });

  const register = (id: string, check: object) =>
    agent.mustPut('/v1/agent/check/register', { ID: id, Name: id, ...check });
  const untilIs = (id: string, status: string, output: RegExp | string) =>
    eventually(
      async () => {
        const check = (await agent.get('/v1/agent/checks')).json()[id];
        const same = typeof output === 'string' ? check.Output === output : output.test(check.Output);
        if (check.Status === status && same) return true;
        throw new Error(`${check.Status}: ${check.Output}`);
      },
      { what: `${id} ${status}` },
    );

  test('alias: takes the state of another service', async () => {
    await agent.mustPut('/v1/agent/service/register', {
      Name: 'db',
      Check: { CheckID: 'db-ttl', TTL: '600s', Status: 'passing' },
    });
    await agent.mustPut('/v1/agent/service/register', { Name: 'web' });
    await register('alias', { AliasService: 'db', ServiceID: 'web' });
    await untilIs('alias', 'passing', 'All checks passing.');
    await agent.mustPut('/v1/agent/check/fail/db-ttl');
    await untilIs('alias', 'critical', /./);
  });

  test('script: the exit code decides, the output is kept', async () => {
    await register('script', { Args: ['sh', '-c', 'echo fine'], Interval: '1s' });
    await untilIs('script', 'passing', 'fine\n');
    await register('script', { Args: ['sh', '-c', 'echo so so; exit 1'], Interval: '1s' });
    await untilIs('script', 'warning', 'so so\n');
    await register('script', { Args: ['sh', '-c', 'echo bad; exit 2'], Interval: '1s' });
    await untilIs('script', 'critical', 'bad\n');
  });

  test('HTTP: 2xx passes, 429 warns, anything else fails', async () => {
    const url = `http://127.0.0.1:${httpPort}/health`;
    await register('http', { HTTP: url, Method: 'POST', Interval: '1s', Timeout: '1s' });
    await untilIs('http', 'passing', `HTTP POST ${url}: 200 OK Output: POST`);
    httpStatus = 429;
    await untilIs('http', 'warning', `HTTP POST ${url}: 429 Too Many Requests Output: POST`);
    httpStatus = 503;
    await untilIs('http', 'critical', `HTTP POST ${url}: 503 Service Unavailable Output: POST`);
  });

  test('TCP: a connection is enough', async () => {
    await register('tcp', { TCP: `127.0.0.1:${tcpPort}`, Interval: '1s', Timeout: '1s' });
    await untilIs('tcp', 'passing', `TCP connect 127.0.0.1:${tcpPort}: Success`);
    const nobody = await freePort();
    await register('tcp', { TCP: `127.0.0.1:${nobody}`, Interval: '1s', Timeout: '1s' });
    await untilIs('tcp', 'critical', `dial tcp 127.0.0.1:${nobody}: connect: connection refused`);
  });

  test('TTL: lives by its heart-beats', async () => {
    await register('ttl', { TTL: '1s' });
    await agent.mustPut('/v1/agent/check/pass/ttl?note=here');
    await untilIs('ttl', 'passing', 'here');
    await agent.mustPut('/v1/agent/check/warn/ttl?note=tired');
    await untilIs('ttl', 'warning', 'tired');
    await untilIs('ttl', 'critical', /^TTL expired/);
  });

  test('gRPC: the standard health service is asked, for a name or for the whole', async () => {
    await register('grpc', { GRPC: `127.0.0.1:${grpcPort}/hello`, Interval: '1s' });
    await untilIs('grpc', 'passing', `gRPC check 127.0.0.1:${grpcPort}/hello: success`);
    await register('grpc-all', { GRPC: `127.0.0.1:${grpcPort}`, Interval: '1s' });
    await untilIs('grpc-all', 'passing', `gRPC check 127.0.0.1:${grpcPort}: success`);
    serving.delete('hello');
    await untilIs('grpc', 'critical', /./);
  });

  test('Docker: a command inside a container, through the socket of the engine', async () => {
    await register('docker', { DockerContainerID: 'c1', Shell: '/bin/sh', Args: ['true'], Interval: '1s' });
    await untilIs('docker', 'passing', 'from inside');
    exitCode = 1;
    await untilIs('docker', 'warning', 'from inside');
    exitCode = 2;
    await untilIs('docker', 'critical', 'from inside');
  });

  test('maintenance mode is a critical check', async () => {
    await agent.mustPut('/v1/agent/maintenance?enable=true&reason=new+disk');
    await untilIs('_node_maintenance', 'critical', '');
    expect((await agent.get('/v1/agent/checks')).json()._node_maintenance.Notes).toBe('new disk');
    await agent.mustPut('/v1/agent/maintenance?enable=false');
    expect((await agent.get('/v1/agent/checks')).json()).not.toHaveProperty('_node_maintenance');
  });

  test('scripts are refused unless they are allowed', async () => {
    const strict = await startAgent();
    try {
      const reply = await strict.put('/v1/agent/check/register', { Name: 's', Args: ['true'], Interval: '1s' });
      expect(reply.status).toBe(500);
      expect(reply.text).toContain('Scripts are disabled on this agent');
    } finally {
      await strict.stop();
    }
  });
});
