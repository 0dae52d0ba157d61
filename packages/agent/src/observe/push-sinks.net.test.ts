import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { silentLog } from '@proconsul/base';
import { expect, test } from 'vitest';
import { realClock } from '../runners/testing/real-clock.ts';
import { keptLog } from '../testing/kept-log.ts';
import { MetricsSink } from './metrics-sink.ts';
import { startPushSinks, targetOf } from './push-sinks.ts';

const NOTHING = {
  statsdAddress: '',
  statsiteAddress: '',
  dogstatsdAddr: '',
  dogstatsdTags: [],
  circonus: {},
  retryFailedConnection: true,
};
const metricsOf = () =>
  new MetricsSink(
    { prefix: 'consul', hostname: 'h', filterDefault: true, allowed: [], blocked: [], prometheusRetentionMs: 0 },
    realClock,
  );
const dependencies = { clock: realClock, log: silentLog };

async function udpReceiver() {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return { socket, address: `127.0.0.1:${socket.address().port}` };
}

test('statsd gets lines by UDP, together in one datagram', async () => {
  const { socket, address } = await udpReceiver();
  const metrics = metricsOf();
  const stop = await startPushSinks({ ...NOTHING, statsdAddress: address }, metrics, dependencies);
  metrics.gauge('a', 1);
  metrics.count('b', 2, { x: 'y' });
  metrics.gauge('not.a.number', Number.NaN);
  const [bytes] = await once(socket, 'message');
  expect(String(bytes)).toBe('consul.h.a:1.000000|g\nconsul.b.y:2.000000|c\n');
  stop();
  socket.close();
});

test('DogStatsD gets tags, and names without the host', async () => {
  const { socket, address } = await udpReceiver();
  const metrics = metricsOf();
  const options = { ...NOTHING, dogstatsdAddr: address, dogstatsdTags: ['env:t'] };
  const stop = await startPushSinks(options, metrics, dependencies);
  metrics.gauge('a', 1, { x: 'y' });
  const [bytes] = await once(socket, 'message');
  expect(String(bytes)).toBe('consul.a:1|g|#env:t,x:y\n');
  stop();
  socket.close();
});

test('statsite gets lines by TCP, again after the connection broke', async () => {
  const sockets: Socket[] = [];
  const server = createServer((socket) => sockets.push(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const metrics = metricsOf();
  const fast = { ...realClock, after: (ms: number, fn: () => void) => realClock.after(ms / 50, fn) };
  const statsiteAddress = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const stop = await startPushSinks({ ...NOTHING, statsiteAddress }, metrics, { clock: fast, log: silentLog });
  await once(server, 'connection');
  metrics.count('a');
  expect(String((await once(sockets[0]!, 'data'))[0])).toBe('consul.a:1.000000|c\n');
  sockets[0]!.destroy();
  await once(server, 'connection');
  metrics.count('b');
  expect(String((await once(sockets[1]!, 'data'))[0])).toBe('consul.b:1.000000|c\n');
  stop();
  server.close();
});

test('an unknown DogStatsD host keeps the agent from starting only when it may not be tried again', async () => {
  const options = { ...NOTHING, dogstatsdAddr: 'nosuch.invalid:8125' };
  await expect(startPushSinks({ ...options, retryFailedConnection: false }, metricsOf(), dependencies)).rejects.toThrow(
    /^failed to initialize telemetry: 1 error occurred:\n\t\* lookup nosuch\.invalid: no such host\n\n$/,
  );
  const lines: string[] = [];
  const stop = await startPushSinks(options, metricsOf(), { clock: realClock, log: keptLog(lines) });
  expect(lines).toHaveLength(1);
  stop();
});

test('what cannot be used gets a warning', async () => {
  const lines: string[] = [];
  const options = { ...NOTHING, statsdAddress: 'localhost', circonus: { api_token: 'x' } };
  const stop = await startPushSinks(options, metricsOf(), { clock: realClock, log: keptLog(lines) });
  expect(lines).toEqual([
    'WARN Address of a metrics sink is not of the form host:port {"key":"statsd_address","address":"localhost"}',
    'WARN The Circonus metrics sink is not supported and will be ignored',
  ]);
  stop();
});

test('addresses have a host and a port', () => {
  expect(['a:1', '[::1]:8125', ':8125', 'a', 'a:x', 'a:70000', '::1:5'].map(targetOf)).toEqual([
    { host: 'a', port: 1 },
    { host: '::1', port: 8125 },
    { host: '127.0.0.1', port: 8125 },
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});
