import { existsSync, readFileSync } from 'node:fs';
import type { Server as HttpServer } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Background } from './background.ts';
import { eventually, freePort, indexOf, program, programMissing, skipBecause, TestAgent } from './harness.ts';
import { listening, type Received, sink } from './peers.ts';

// Scene 13: watches by the command line, by configuration with a handler, and by blocking query in a program.

describe.skipIf(skipBecause(programMissing()))('scenes: watches', () => {
  let agent: TestAgent;
  let server: HttpServer;
  const received: Received[] = [];
  let seen: string;

  beforeAll(async () => {
    const port = await freePort();
    server = await listening(sink(received), port);
    agent = new TestAgent({ mode: 'server' });
    seen = join(agent.dir, 'seen');
    const watches = [
      { type: 'key', key: 'conf/a', args: ['sh', '-c', `{ printf '%s ' "$CONSUL_INDEX"; cat; } >> ${seen}`] },
      {
        type: 'service',
        service: 'web',
        handler_type: 'http',
        http_handler_config: { path: `http://127.0.0.1:${port}/hook`, method: 'POST', header: { 'X-Extra': ['yes'] } },
      },
    ];
    agent.writeConfig('watches.json', JSON.stringify({ watches }));
    await agent.start();
  });
  afterAll(async () => {
    server?.close();
    await agent?.stop();
  });

  test('the command line runs a child for each change of a key', async () => {
    await agent.mustPut('/v1/kv/cli/k', 'one');
    const child = `read -r line; echo "index=$CONSUL_INDEX $line"`;
    const command = [...program(), 'watch', '-type=key', '-key=cli/k', child];
    const watch = new Background(command, { env: { CONSUL_HTTP_ADDR: agent.address } });
    try {
      await watch.until(/index=\d+ \{"Key":"cli\/k",.*"Value":"b25l".*\}\n/);
      await agent.mustPut('/v1/kv/cli/k', 'two');
      await watch.until(/index=\d+ \{"Key":"cli\/k",.*"Value":"dHdv".*\}\n/);
      watch.signal('SIGINT');
      expect(await watch.exit()).toBe(0);
    } finally {
      await watch.stop();
    }
  });

  test('without a child it prints the present state once', async () => {
    const { code, stdout } = await agent.cli(['watch', '-type=services']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toHaveProperty('consul');
  });

  test('a configured handler gets the value on its input and the index in its environment', async () => {
    await agent.mustPut('/v1/kv/conf/a', 'first');
    const line = (value: string) => new RegExp(`^\\d+ \\{"Key":"conf/a",.*"Value":"${btoa(value)}"`, 'm');
    const written = () => (existsSync(seen) ? readFileSync(seen, 'utf8') : '');
    await eventually(() => line('first').test(written()));
    await agent.mustPut('/v1/kv/conf/a', 'second');
    await eventually(() => line('second').test(written()));
  });

  test('a configured HTTP handler gets the instances as JSON', async () => {
    await agent.mustPut('/v1/agent/service/register', { Name: 'web', Port: 8080 });
    const last = await eventually(() => received.find((r) => r.body.includes('"Port":8080')));
    expect(last.method).toBe('POST');
    expect(last.headers).toMatchObject({ 'content-type': 'application/json', 'x-extra': 'yes' });
    expect(Number(last.headers['x-consul-index'])).toBeGreaterThan(0);
    expect(JSON.parse(last.body)[0].Service).toMatchObject({ Service: 'web', Port: 8080 });
  });

  test('a program waits by blocking query: for a key, a prefix, a service, a deleted key', async () => {
    const after = async (path: string, change: () => Promise<unknown>) => {
      const index = indexOf(await agent.get(path));
      const join = path.includes('?') ? '&' : '?';
      const waiting = agent.get(`${path}${join}index=${index}&wait=30s`);
      await change();
      const next = await waiting;
      expect(indexOf(next)).toBeGreaterThan(index);
      return next;
    };
    await agent.mustPut('/v1/kv/b/k', '1');
    const changed = await after('/v1/kv/b/k', () => agent.mustPut('/v1/kv/b/k', '2'));
    expect(changed.json()[0].Value).toBe(btoa('2'));
    const listed = await after('/v1/kv/b/?keys', () => agent.mustPut('/v1/kv/b/l', '3'));
    expect(listed.json()).toEqual(['b/k', 'b/l']);
    const found = await after('/v1/health/service/api', () =>
      agent.mustPut('/v1/agent/service/register', { Name: 'api' }),
    );
    expect(found.json()).toHaveLength(1);
    const gone = await after('/v1/kv/b/k', () => agent.delete('/v1/kv/b/k'));
    expect(gone.status).toBe(404);
  });
});
