/**
 * Measures the replicated tables alone: no network, no log. Run it with
 *     npx esbuild bench/store.ts --bundle --platform=node --format=esm --conditions=source --outfile=/tmp/store-bench.mjs
 *     node --expose-gc /tmp/store-bench.mjs
 */
import { DirEntry, HealthCheck, KVSRequest, MessageType, NodeService, RegisterRequest } from '@proconsul/schema';
import { type Command, encodeCommand, Store } from '@proconsul/store';

const KEYS = 100_000;
const VALUE_BYTES = 128;
const gc = (globalThis as { gc?: () => void }).gc ?? (() => undefined);

function heap(): number {
  gc();
  gc();
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return heapUsed + external + Math.max(0, arrayBuffers - external);
}

function show(what: string, value: number, unit: string): void {
  console.log(`${what.padEnd(58)} ${value.toFixed(value < 10 ? 2 : 0).padStart(10)} ${unit}`);
}

/** Runs `fn` for at least `ms` and reports calls per second. */
function rate(what: string, fn: (i: number) => void, ms = 500): void {
  for (let i = 0; i < 200; i++) fn(i);
  const start = process.hrtime.bigint();
  let calls = 0;
  let elapsed = 0;
  while (elapsed < ms) {
    for (let i = 0; i < 100; i++) fn(calls++);
    elapsed = Number(process.hrtime.bigint() - start) / 1e6;
  }
  show(what, (calls / elapsed) * 1000, 'ops/s');
}

function timed<T>(what: string, fn: () => T): T {
  const start = process.hrtime.bigint();
  const result = fn();
  show(what, Number(process.hrtime.bigint() - start) / 1e6, 'ms');
  return result;
}

let index = 0;
function apply(store: Store, type: MessageType, request: unknown, decoded = true): void {
  const command: Command = { type, request };
  store.apply(++index, encodeCommand(type, request), decoded ? command : undefined);
  store.flush();
}

function setRequest(key: string, fill: number): KVSRequest {
  const Value = new Uint8Array(VALUE_BYTES).fill(fill & 0xff);
  return KVSRequest.make({ Datacenter: 'dc1', Op: 'set', DirEnt: DirEntry.make({ Key: key, Value }) });
}

function registration(service: string, node: number, port: number, status: string): RegisterRequest {
  return RegisterRequest.make({
    Datacenter: 'dc1',
    Node: `node-${String(node).padStart(4, '0')}`,
    Address: '10.0.0.1',
    Service: NodeService.make({ ID: service, Service: service, Port: port, Tags: ['a', 'b'] }),
    Check: HealthCheck.make({ CheckID: `c-${service}`, Name: 'c', Status: status, ServiceID: service }),
  });
}

function benchKv(): void {
  const store = new Store({ datacenter: 'dc1' });
  const key = (i: number) => `bench/keys/${String(i % KEYS).padStart(8, '0')}`;
  const before = heap();
  timed(`fill ${KEYS} keys of ${VALUE_BYTES} bytes, random order`, () => {
    for (let i = 0; i < KEYS; i++) apply(store, MessageType.KVS, setRequest(key((i * 7919) % KEYS), i));
  });
  const payload = KEYS * (VALUE_BYTES + key(0).length);
  show('memory of a key over its payload', (heap() - before - payload) / KEYS, 'bytes');
  const requests = Array.from({ length: 1000 }, (_, i) => setRequest(key(i * 97), i));
  const encoded = requests.map((request) => encodeCommand(MessageType.KVS, request));
  rate('kv set, decoded command', (i) => {
    const request = requests[i % 1000] as KVSRequest;
    (request.DirEnt.Value as Uint8Array)[0] = i & 0xff;
    store.apply(++index, encoded[i % 1000] as Uint8Array, { type: MessageType.KVS, request });
    store.flush();
  });
  rate('kv set, from bytes', (i) => {
    const data = encoded[i % 1000] as Uint8Array;
    data[data.length - 20] = i & 0xff;
    store.apply(++index, data);
    store.flush();
  });
  rate('kv get with value', (i) => void store.kv.get(key(i)).value?.Value);
  rate('kv list of 100 keys', (i) => void store.kv.list(key((i * 100) % KEYS).slice(0, -2)).value?.length);

  const snapshot = timed(`snapshot of ${KEYS} keys: copy`, () => store.snapshot());
  const chunks = timed(`snapshot of ${KEYS} keys: encode`, () => [...snapshot.chunks()]);
  const target = new Store({ datacenter: 'dc1' });
  timed(`restore of ${KEYS} keys`, () => {
    const restore = target.restore();
    for (const chunk of chunks) restore.push(chunk);
    restore.finish();
  });
  chunks.length = 0;
  const both = heap();
  store.kv.get('');
  const restored = new Store({ datacenter: 'dc1' });
  const again = restored.restore();
  for (const chunk of snapshot.chunks()) again.push(chunk);
  again.finish();
  show('memory of a restored key over its payload', (heap() - both - payload) / KEYS, 'bytes');
  timed(`delete-tree of ${KEYS} keys`, () => {
    apply(restored, MessageType.KVS, KVSRequest.make({ Op: 'delete-tree', DirEnt: DirEntry.make({ Key: 'bench/' }) }));
  });
}

function benchCatalog(): void {
  const store = new Store({ datacenter: 'dc1' });
  for (const size of [10, 200]) {
    for (let i = 0; i < size; i++) apply(store, MessageType.Register, registration(`web${size}`, i, 80, 'passing'));
  }
  const same = registration('web10', 3, 80, 'passing');
  rate('register, nothing new', () => apply(store, MessageType.Register, same));
  rate('register, check flips', (i) => {
    apply(store, MessageType.Register, registration('web10', 3, 80, i % 2 === 0 ? 'critical' : 'passing'));
  });
  rate('register, check flips, from bytes', (i) => {
    apply(store, MessageType.Register, registration('web10', 3, 80, i % 2 === 0 ? 'critical' : 'passing'), false);
  });
  rate('register, new service on a new node', (i) =>
    apply(store, MessageType.Register, registration('n', i, i, 'passing')),
  );
  rate('health of 10 instances', () => void store.health.serviceNodes({ ServiceName: 'web10' }));
  rate('health of 200 instances', () => void store.health.serviceNodes({ ServiceName: 'web200' }));
  rate('health of 200 instances, one changed before each', (i) => {
    apply(store, MessageType.Register, registration('web200', i % 200, 80, i % 2 === 0 ? 'critical' : 'passing'));
    store.health.serviceNodes({ ServiceName: 'web200', OnlyPassing: true });
  });
  const deps = store.health.serviceNodes({ ServiceName: 'web10' }).deps;
  timed('2000 watchers woken by one change', () => {
    for (let i = 0; i < 2000; i++) store.watch(deps, () => undefined);
    apply(store, MessageType.Register, registration('web10', 3, 81, 'passing'));
  });
}

benchKv();
benchCatalog();
