import { equalBytes, errorText, fieldBudget, fromUtf8, ProtoWriter, protoFields } from '@proconsul/base';
import { type Caller, Health, type ReadOptions, type ServiceArgs, type View } from '@proconsul/endpoints';
import type { CheckServiceNode } from '@proconsul/schema';
import type { GrpcCall, GrpcMethod, GrpcServices } from './grpc-server.ts';
import { encodeCheckServiceNode } from './health-message.ts';
import { OPERATOR_SERVICE, operatorService } from './operator-service.ts';
import { GrpcCode, GrpcError } from './status.ts';

/** Names of the topics that errors tell, by their number. */
const TOPICS = ['Unknown', 'ServiceHealth', 'ServiceHealthConnect'];

const Operation = { register: 0, deregister: 1 } as const;

interface Subscription {
  readonly topic: number;
  readonly service: string;
  readonly token: string;
  /** What the caller has seen before; 0 when nothing. */
  readonly index: number;
  readonly datacenter: string;
}

/**
 * The stream by which client agents follow the health of a service (first byte 8): the instances now, then every change.
 * Topics other than service health are not served.
 * Source: the internal gRPC of the reference agent, captured and probed; testdata/subscribe.json.
 */
export function internalServices(caller: Caller): GrpcServices {
  return new Map([
    ['subscribe.StateChangeSubscription', new Map<string, GrpcMethod>([['Subscribe', subscribe(caller)]])],
    [OPERATOR_SERVICE, operatorService(caller)],
  ]);
}

function subscribe(caller: Caller): GrpcMethod {
  return async (request, call) => {
    const subscription = decodeSubscription(request);
    const first = await next(caller, subscription, 0, call.signal);
    // Whoever was here before has to forget what he knows.
    if (subscription.index > 0) await call.send(new ProtoWriter().bool(3, true).finish());
    for (const instance of instancesOf(first).values()) {
      await call.send(healthEvent(first.index, Operation.register, instance));
    }
    await call.send(new ProtoWriter().int(1, first.index).bool(2, true).finish());
    await follow(caller, subscription, first, call);
  };
}

/** Sends what changes, until the caller is gone. */
async function follow(caller: Caller, subscription: Subscription, first: Instances, call: GrpcCall): Promise<void> {
  let known = first;
  while (!call.signal.aborted) {
    const view = await next(caller, subscription, known.index, call.signal);
    if (view.index < known.index) {
      const text = 'subscription closed by server, client must reset state and resubscribe';
      throw new GrpcError(GrpcCode.aborted, text);
    }
    const events = changes(instancesOf(known), view);
    if (events.length === 1) await call.send(events[0]!);
    else if (events.length > 1) {
      const batch = new ProtoWriter();
      for (const event of events) batch.encoded(1, event);
      await call.send(new ProtoWriter().int(1, view.index).message(4, batch).finish());
    }
    known = view;
  }
}

type Instances = View<readonly CheckServiceNode[]>;

/** The answer when its index has passed `minIndex`, or after the longest wait. Rejects with GrpcError. */
function next(
  caller: Caller,
  { topic, service, token, datacenter }: Subscription,
  minIndex: number,
  signal: AbortSignal,
): Promise<Instances> {
  const args: ServiceArgs = {
    ...{ Datacenter: datacenter, Token: token, ServiceName: service, ServiceTags: [], TagFilter: false },
    ...{ Connect: topic === 2, Ingress: false, PeerName: '', OnlyPassing: false, MergeCentralConfig: false },
    ...{ NodeMetaFilters: null, Filter: '', Source: null },
  };
  const options: ReadOptions = { consistency: 'stale', minIndex, waitMs: 0 };
  return new Promise((resolve, reject) => {
    const given = () => {
      cancel();
      reject(new GrpcError(GrpcCode.canceled, 'context canceled'));
    };
    let cancel = () => {};
    if (signal.aborted) {
      given();
      return;
    }
    signal.addEventListener('abort', given, { once: true });
    cancel = caller.read(Health.ServiceNodes, args, options, (error, view) => {
      signal.removeEventListener('abort', given);
      if (view !== null) resolve(view);
      else reject(new GrpcError(GrpcCode.unavailable, errorText(error)));
    });
  });
}

/** Shared by everybody who follows the same service, through the memo of the view. */
const INSTANCES = Symbol('instances of a subscription');

/** Encoded instances by node and id. */
function instancesOf(view: Instances): ReadonlyMap<string, Uint8Array> {
  const known = view.memo.get(INSTANCES) as ReadonlyMap<string, Uint8Array> | undefined;
  if (known !== undefined) return known;
  const instances = new Map<string, Uint8Array>();
  for (const instance of view.value) {
    const key = `${instance.Node?.Node.toLowerCase()}\n${instance.Service?.ID}`;
    instances.set(key, encodeCheckServiceNode(instance));
  }
  view.memo.set(INSTANCES, instances);
  return instances;
}

/** Events that lead from what is known to what is there now. */
function changes(before: ReadonlyMap<string, Uint8Array>, view: Instances): Uint8Array[] {
  const now = instancesOf(view);
  const events: Uint8Array[] = [];
  for (const [key, instance] of before) {
    if (!now.has(key)) events.push(healthEvent(view.index, Operation.deregister, instance));
  }
  for (const [key, instance] of now) {
    const old = before.get(key);
    if (old === undefined || !equalBytes(old, instance)) {
      events.push(healthEvent(view.index, Operation.register, instance));
    }
  }
  return events;
}

/** Event {1 index, 10 ServiceHealthUpdate {1 operation, 2 CheckServiceNode}}. */
function healthEvent(index: number, operation: number, instance: Uint8Array): Uint8Array {
  const update = new ProtoWriter().int(1, operation).encoded(2, instance);
  return new ProtoWriter().int(1, index).message(10, update).finish();
}

/** SubscribeRequest {1 topic, 2 key of old, 3 token, 4 index, 5 datacenter, 9 wildcard, 10 named {1 key}}. */
function decodeSubscription(request: Uint8Array): Subscription {
  let [topic, service, token, index, datacenter, isWildcard] = [0, '', '', 0, '', false];
  const budget = fieldBudget();
  for (const { field, value, bytes } of protoFields(request, budget)) {
    if (field === 1) topic = Number(value);
    else if (field === 2) service ||= fromUtf8(bytes);
    else if (field === 3) token = fromUtf8(bytes);
    else if (field === 4) index = Number(value);
    else if (field === 5) datacenter = fromUtf8(bytes);
    else if (field === 9) isWildcard = value !== 0n;
    else if (field === 10) {
      for (const inner of protoFields(bytes, budget)) if (inner.field === 1) service = fromUtf8(inner.bytes);
    }
  }
  const name = TOPICS[topic];
  if (topic === 0) throw new GrpcError(GrpcCode.invalidArgument, `cannot construct subject for topic ${name}`);
  if (name === undefined) throw new GrpcError(GrpcCode.unimplemented, `topic ${topic} is not served`);
  if (isWildcard) throw new GrpcError(GrpcCode.unknown, `topic ${name} does not support wildcard subscriptions`);
  if (service === '') {
    throw new GrpcError(GrpcCode.invalidArgument, 'either WildcardSubject or NamedSubject.Key is required');
  }
  return { topic, service, token, index, datacenter };
}
