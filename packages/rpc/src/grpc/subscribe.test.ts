import { readFileSync } from 'node:fs';
import { type Endpoint, hex, protoFields, unhex } from '@proconsul/base';
import { settle } from '@proconsul/base/testing';
import type { Caller, ReadDone, ReadOptions, ServiceArgs, View } from '@proconsul/endpoints';
import { CheckServiceNode } from '@proconsul/schema';
import { beforeEach, expect, test } from 'vitest';
import type { GrpcCall } from './grpc-server.ts';
import { encodeCheckServiceNode } from './health-message.ts';
import { internalServices } from './subscribe.ts';

interface Vector {
  readonly topic: number;
  readonly name: string;
  readonly request_hex: string;
  readonly index: number;
  readonly health: readonly never[];
  readonly events: readonly string[];
}

const vectors = JSON.parse(readFileSync(new URL('../testdata/subscribe.json', import.meta.url), 'utf8'))
  .vectors as Vector[];

/** A message as a tree that does not depend on the order of its fields, which in maps is anybody's guess. */
function tree(bytes: Uint8Array): unknown {
  const out: string[] = [];
  for (const { field, value, bytes: inner } of protoFields(bytes)) {
    let text: string;
    try {
      text = inner.length > 0 ? JSON.stringify(tree(inner)) : String(value);
    } catch {
      text = hex(inner);
    }
    out.push(`${field}: ${text}`);
  }
  return out.sort();
}

const instances = (vector: Vector) => vector.health.map((json) => CheckServiceNode.decode(json));

/** The instance in an event of a snapshot. */
function instanceOf(event: string): Uint8Array | undefined {
  for (const outer of protoFields(unhex(event))) {
    if (outer.field !== 10) continue;
    for (const inner of protoFields(outer.bytes)) if (inner.field === 2) return inner.bytes;
  }
  return undefined;
}

test.for(vectors)('topic $topic of $name: instances are encoded as a real server does', (vector) => {
  const theirs = vector.events.map(instanceOf).filter((bytes) => bytes !== undefined);
  const ours = instances(vector).map(encodeCheckServiceNode);
  expect(ours.map((b) => JSON.stringify(tree(b))).sort()).toEqual(theirs.map((b) => JSON.stringify(tree(b))).sort());
});

/** Answers reads when the test says so. */
class OneService {
  readonly asked: { args: ServiceArgs; options: ReadOptions }[] = [];
  #waiting: { minIndex: number; done: ReadDone<readonly CheckServiceNode[]> }[] = [];
  #view: View<readonly CheckServiceNode[]> = { index: 0, value: [], valid: true, memo: new Map() };
  error: Error | undefined;

  set(index: number, value: readonly CheckServiceNode[]): void {
    this.#view = { index, value, valid: true, memo: new Map() };
    this.answer();
  }

  answer(): void {
    for (const { minIndex, done } of this.#waiting.splice(0)) this.#serve(minIndex, done);
  }

  get waitingCount(): number {
    return this.#waiting.length;
  }

  readonly caller = {
    read: (_method: unknown, args: ServiceArgs, options: ReadOptions, done: ReadDone<readonly CheckServiceNode[]>) => {
      this.asked.push({ args, options });
      this.#serve(options.minIndex, done);
      return () => {
        this.#waiting = this.#waiting.filter((w) => w.done !== done);
      };
    },
  } as unknown as Caller;

  #serve(minIndex: number, done: ReadDone<readonly CheckServiceNode[]>): void {
    const meta = { knownLeader: true, lastContactMs: 0 };
    if (this.error) done(this.error, null, meta);
    else if (minIndex > 0 && this.#view.index === minIndex) this.#waiting.push({ minIndex, done });
    else done(null, this.#view, meta);
  }
}

let service: OneService;
beforeEach(() => {
  service = new OneService();
});

function subscribe(requestHex: string) {
  const events: string[] = [];
  const abort = new AbortController();
  const call: GrpcCall = {
    from: { host: '127.0.0.1', port: 1 } satisfies Endpoint,
    token: '',
    signal: abort.signal,
    send: async (message) => {
      events.push(hex(message));
    },
  };
  const method = internalServices(service.caller).get('subscribe.StateChangeSubscription')?.get('Subscribe');
  const result = method!(unhex(requestHex), call);
  result.catch(() => undefined);
  return { events, abort, result };
}

test.for(vectors)('topic $topic of $name: a snapshot has the events of a real server', async (vector) => {
  service.set(vector.index, instances(vector));
  const { events } = subscribe(vector.request_hex);
  await settle();
  const trees = (list: readonly string[]) => list.map((e) => JSON.stringify(tree(unhex(e)))).sort();
  // The index that HTTP tells and that of the stream are not always the same.
  const end = vector.events.at(-1)!;
  expect(events.at(-1)).toBe(hex(Uint8Array.of(0x08, vector.index, 0x10, 0x01)));
  if (end === events.at(-1)) expect(trees(events)).toEqual(trees(vector.events));
  expect(events).toHaveLength(vector.events.length);
  expect(service.asked[0]).toMatchObject({
    args: { ServiceName: vector.name, Connect: vector.topic === 2, Datacenter: '' },
    options: { consistency: 'stale', minIndex: 0 },
  });
});

const web = vectors[0]!;
const [one, two] = instances(web) as [CheckServiceNode, CheckServiceNode];

/** [operation, service id] of an event, of each event of a batch, or [] of one that carries none. */
function summary(event: string): unknown {
  const fields = [...protoFields(unhex(event))];
  const batch = fields.find((f) => f.field === 4);
  if (batch) return [...protoFields(batch.bytes)].map((e) => summary(hex(e.bytes)));
  const update = fields.find((f) => f.field === 10);
  if (!update) return [];
  const inner = [...protoFields(update.bytes)];
  const id = [one, two].find((i) => hex(inner.at(-1)!.bytes).includes(hex(new TextEncoder().encode(i.Service!.ID))));
  return [inner.length === 1 ? 'register' : 'deregister', id?.Service?.ID];
}

test('changes come as events, several of one moment in a batch, and what did not change does not come', async () => {
  service.set(10, [one]);
  const { events } = subscribe(web.request_hex);
  await settle();
  events.length = 0;
  service.set(11, [one, two]);
  await settle();
  expect(events.map(summary)).toEqual([['register', two.Service!.ID]]);
  service.set(12, [one, two]);
  await settle();
  expect(events).toHaveLength(1);
  service.set(13, [{ ...two, Checks: [] }]);
  await settle();
  expect(events.slice(1).map(summary)).toEqual([
    [
      ['deregister', one.Service!.ID],
      ['register', two.Service!.ID],
    ],
  ]);
  expect(service.asked.map((a) => a.options.minIndex)).toEqual([0, 10, 11, 12, 13]);
});

test('whoever was here before is told that a new snapshot follows', async () => {
  service.set(10, []);
  const { events } = subscribe(`0801202d${web.request_hex.slice(4)}`);
  await settle();
  expect(events).toEqual(['1801', '080a1001']);
});

test('a subscription ends with its caller, and waits for nothing then', async () => {
  service.set(10, [one]);
  const { abort, result } = subscribe(web.request_hex);
  await settle();
  expect(service.waitingCount).toBe(1);
  abort.abort();
  await expect(result).rejects.toMatchObject({ status: 1 });
  expect(service.waitingCount).toBe(0);
});

test('a state that went back, as after a restore, ends the subscription', async () => {
  service.set(10, [one]);
  const { result } = subscribe(web.request_hex);
  await settle();
  service.set(5, []);
  await expect(result).rejects.toMatchObject({ status: 10 });
});

test('a read that fails ends the subscription with its text', async () => {
  service.error = new Error('No cluster leader');
  await expect(subscribe(web.request_hex).result).rejects.toMatchObject({ status: 14, message: 'No cluster leader' });
});

// Statuses and texts of a real server; those of topics that we do not serve are ours.
test.for<[name: string, request: string, status: number, text: string]>([
  ['no topic', '52060a046e6f6e65', 3, 'cannot construct subject for topic Unknown'],
  ['no subject', '0801', 3, 'either WildcardSubject or NamedSubject.Key is required'],
  ['a wildcard', '08014801', 2, 'topic ServiceHealth does not support wildcard subscriptions'],
  ['another topic', '08074801', 12, 'topic 7 is not served'],
  ['no message at all', 'ffff', 0, ''],
])('%s is refused', async ([, request, status, text]) => {
  const { result } = subscribe(request);
  if (status === 0) await expect(result).rejects.toMatchObject({ code: 'PROTOBUF' });
  else await expect(result).rejects.toMatchObject({ status, message: text });
});

test('the key of old clients is understood', async () => {
  service.set(10, [one]);
  const { events } = subscribe('08011203776562');
  await settle();
  expect(service.asked[0]?.args.ServiceName).toBe('web');
  expect(events).toHaveLength(2);
});
