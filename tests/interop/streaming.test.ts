import * as http2 from 'node:http2';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  eventually,
  freePort,
  indexOf,
  programMissing,
  skipBecause,
  startAgent,
  type TestAgent,
} from '../e2e/harness.ts';

/*
 * A client agent of the reference, which CONSUL_BIN names, that follows the health of services by a stream of our server.
 *     CONSUL_BIN=... npx vitest run tests/interop/streaming.test.ts
 */

const REFERENCE = process.env['CONSUL_BIN'];
const missing = programMissing() ?? (REFERENCE ? undefined : 'CONSUL_BIN does not name the reference program');

describe.skipIf(skipBecause(missing))('a client of the reference with the streaming backend', () => {
  let server: TestAgent;
  let client: TestAgent;
  let grpcPort: number;

  beforeAll(async () => {
    grpcPort = await freePort();
    const own = { bootstrap_expect: 1, ports: { grpc: grpcPort } };
    server = await startAgent({ mode: 'peer', node: 's1', config: own });
    const join = { retry_join: [`127.0.0.1:${server.ports.serf_lan}`], retry_interval: '500ms' };
    client = await startAgent({ mode: 'client', node: 'c1', config: join, program: [REFERENCE ?? ''] });
    await untilWhole();
  });

  afterAll(async () => {
    await client?.stop();
    await server?.stop();
  });

  const untilWhole = () =>
    eventually(
      async () => {
        const reply = await client.get('/v1/health/state/passing');
        return reply.status === 200 && reply.json().length >= 2;
      },
      { withinMs: 30_000 },
    );

  const ids = (instances: readonly { Service: { ID: string } }[]) => instances.map((i) => i.Service.ID).sort();

  test('sees instances come, change and go, each time at once', async () => {
    await client.mustPut('/v1/agent/service/register', { Name: 'web', Check: { TTL: '60s' } });
    let reply = await client.get('/v1/health/service/web?index=1&wait=10s');
    expect(reply.headers.get('x-consul-query-backend')).toBe('streaming');
    const until = async (fact: (list: never[]) => boolean) => {
      for (let i = 0; i < 10 && !fact(reply.json()); i++) {
        reply = await client.get(`/v1/health/service/web?index=${indexOf(reply)}&wait=10s`);
      }
      expect(fact(reply.json())).toBe(true);
    };
    await until((list) => ids(list).join() === 'web');
    const register = (node: string, ID: string) =>
      server.mustPut('/v1/catalog/register', { Node: node, Address: '10.0.0.1', Service: { Service: 'web', ID } });
    await register('other', 'web2');
    await until((list) => ids(list).join() === 'web,web2');
    await client.mustPut('/v1/agent/check/pass/service:web');
    await until((list) =>
      JSON.stringify(list).includes('"CheckID":"service:web","Name":"Service \'web\' check","Status":"passing"'),
    );
    await server.mustPut('/v1/catalog/deregister', { Node: 'other' });
    await until((list) => ids(list).join() === 'web');
    const theirs = (await client.get('/v1/health/service/web?cached')).json();
    expect(theirs).toEqual((await server.get('/v1/health/service/web')).json());
  });

  test('asks for connect and for services that nobody knows', async () => {
    const connect = await client.get('/v1/health/connect/web?cached');
    expect(connect.headers.get('x-consul-query-backend')).toBe('streaming');
    expect(connect.json()).toEqual([]);
    expect((await client.get('/v1/health/service/nobody?cached')).json()).toEqual([]);
  });

  test('finds the stream again when the server was away', async () => {
    const before = await client.get('/v1/health/service/web?cached');
    await server.kill();
    await server.start();
    await untilWhole();
    await server.mustPut('/v1/catalog/register', {
      ...{ Node: 'late', Address: '10.0.0.2' },
      Service: { Service: 'web', ID: 'web9' },
    });
    await eventually(
      async () => {
        const reply = await client.get(`/v1/health/service/web?index=${indexOf(before)}&wait=2s`);
        return ids(reply.json()).includes('web9');
      },
      { withinMs: 30_000 },
    );
  });

  test('clients of gRPC learn the server', async () => {
    const session = http2.connect(`http://127.0.0.1:${grpcPort}`);
    const stream = session.request({
      ':method': 'POST',
      ':path': '/hashicorp.consul.serverdiscovery.ServerDiscoveryService/WatchServers',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    stream.end(Buffer.alloc(5));
    const [message] = await new Promise<[Buffer]>((resolve, reject) => {
      stream.once('data', (bytes: Buffer) => resolve([bytes]));
      stream.once('error', reject);
    });
    expect(message.toString('latin1')).toContain('127.0.0.1');
    session.destroy();
  });
});
