import { silentLog } from '@proconsul/base';
import { type Caller, EndpointError } from '@proconsul/endpoints';
import { nodeHttp2Layer, nodeHttp2Post, nodeNetwork, systemClock } from '@proconsul/io-node';
import { afterEach, expect, test } from 'vitest';
import { RpcListener } from '../listener.ts';
import { RpcPool } from '../pool.ts';
import { grpcUnary } from './grpc-client.ts';
import { GrpcServer } from './grpc-server.ts';
import { decodeTransferred, encodeTransfer, TRANSFER_LEADER_PATH } from './operator-service.ts';
import { internalServices } from './subscribe.ts';

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const fn of undo.splice(0).reverse()) await fn();
});

/** A server whose leadership goes to whom it is asked for, unless that is `nobody`. */
async function serve() {
  const asked: unknown[] = [];
  const caller = {
    write: async (_method: unknown, args: { ID: string }) => {
      asked.push(args);
      if (args.ID === 'nobody') throw new EndpointError('INVALID', 'Could not find address for server id nobody ü');
      return true;
    },
  } as unknown as Caller;
  const deps = { clock: systemClock, log: silentLog };
  const grpc = new GrpcServer(internalServices(caller), deps);
  const http2 = nodeHttp2Layer(silentLog);
  const refuse = () => Promise.reject(new Error('not here'));
  const listener = new RpcListener(
    {},
    {
      ...{ network: nodeNetwork, ...deps },
      handlers: {
        ...{ call: refuse, raft: () => undefined, snapshot: () => undefined },
        grpc: (stream) => http2.serve(stream, (exchange) => grpc.handle(exchange)),
      },
    },
  );
  const { local: address } = await listener.listen({ host: '127.0.0.1', port: 0 });
  const pool = new RpcPool({}, { network: nodeNetwork, ...deps });
  undo.push(
    () => listener.close(),
    () => pool.close(),
  );
  const peer = { name: 's1', datacenter: 'dc1', address, useTls: false };
  const unary = grpcUnary(pool, nodeHttp2Post);
  return { asked, listener, call: (path: string, message: Uint8Array) => unary(peer, path, message, 5_000) };
}

test('leadership is handed over by gRPC, on a connection that is closed afterwards', async () => {
  const { asked, call, listener } = await serve();
  expect(decodeTransferred(await call(TRANSFER_LEADER_PATH, encodeTransfer('id-2')))).toBe(true);
  expect(asked).toEqual([{ Datacenter: '', Token: '', ID: 'id-2' }]);
  await expect.poll(() => listener.connectionCount).toBe(0);
});

test('errors come with the text of the server', async () => {
  const { call } = await serve();
  await expect(call(TRANSFER_LEADER_PATH, encodeTransfer('nobody'))).rejects.toMatchObject({
    name: 'GrpcError',
    status: 2,
    message: 'Could not find address for server id nobody ü',
  });
  await expect(call('/no.Service/Method', encodeTransfer(''))).rejects.toThrow('unknown service no.Service');
});
