import { ProtoWriter, protoFields, protoTexts } from '@proconsul/base';
import type { GrpcCall, GrpcMethod, GrpcServices } from './grpc-server.ts';
import { GrpcCode, GrpcError } from './status.ts';

/** A server that takes calls. */
export interface ReadyServer {
  readonly id: string;
  /** Host without a port: clients know the port of gRPC. */
  readonly host: string;
  readonly version: string;
}

/** Where the servers that take calls are learned. */
export interface ServerWatch {
  /** Servers of our datacenter; with `wan` by the addresses that other datacenters use. */
  current(wan: boolean): readonly ReadyServer[];
  /** Calls when `current` may have changed. Returns how to stop. */
  onChange(fn: () => void): () => void;
}

/**
 * What clients find on the port of gRPC (8502): the servers of the datacenter, what else there is, and health. Methods of
 * the mesh and of ACLs are not served; Login says that ACLs are off.
 * Source: the port of the reference agent, probed; gRPC Health Checking Protocol.
 */
export function externalServices(servers: ServerWatch): GrpcServices {
  return new Map([
    [
      'hashicorp.consul.serverdiscovery.ServerDiscoveryService',
      new Map<string, GrpcMethod>([['WatchServers', watchServers(servers)]]),
    ],
    [
      'hashicorp.consul.dataplane.DataplaneService',
      new Map<string, GrpcMethod>([['GetSupportedDataplaneFeatures', supportedFeatures]]),
    ],
    [
      'hashicorp.consul.acl.ACLService',
      new Map<string, GrpcMethod>([
        ['Login', aclsOff],
        ['Logout', aclsOff],
      ]),
    ],
    [
      'grpc.health.v1.Health',
      new Map<string, GrpcMethod>([
        ['Check', healthCheck],
        ['Watch', healthWatch],
      ]),
    ],
  ]);
}

/** The servers now, and again whenever they change. */
function watchServers(servers: ServerWatch): GrpcMethod {
  return async (request, call) => {
    let wan = false;
    for (const { field, value } of protoFields(request)) if (field === 1) wan = value !== 0n;
    let last = '';
    let wake = () => {};
    const stop = servers.onChange(() => wake());
    call.signal.addEventListener('abort', () => wake());
    try {
      while (!call.signal.aborted) {
        const changed = new Promise<void>((resolve) => {
          wake = resolve;
        });
        const list = servers.current(wan);
        const key = JSON.stringify(list);
        if (key !== last) await call.send(encodeServers(list));
        last = key;
        await changed;
      }
    } finally {
      stop();
    }
  };
}

/** WatchServersResponse {1: repeated Server {1 id, 2 address, 3 version}}. */
function encodeServers(servers: readonly ReadyServer[]): Uint8Array {
  const response = new ProtoWriter();
  for (const { id, host, version } of servers) {
    response.message(1, new ProtoWriter().text(1, id).text(2, host).text(3, version));
  }
  return response.finish();
}

/** Features 1 to 4 (watching servers, certificates of the edge, bootstrap of Envoy, FIPS), and which we have. */
const FEATURES: readonly (readonly [feature: number, isSupported: boolean])[] = [
  [1, true],
  [2, false],
  [3, false],
  [4, false],
];

async function supportedFeatures(request: Uint8Array, call: GrpcCall): Promise<void> {
  protoTexts(request);
  const response = new ProtoWriter();
  for (const [feature, isSupported] of FEATURES) {
    response.message(1, new ProtoWriter().int(1, feature).bool(2, isSupported));
  }
  await call.send(response.finish());
}

async function aclsOff(): Promise<void> {
  throw new GrpcError(GrpcCode.failedPrecondition, 'ACL support disabled');
}

const SERVING = new ProtoWriter().int(1, 1).finish();
const SERVICE_UNKNOWN = new ProtoWriter().int(1, 3).finish();

/** The empty name stands for the whole server. */
const isServed = (request: Uint8Array): boolean => (protoTexts(request).get(1) ?? '') === '';

async function healthCheck(request: Uint8Array, call: GrpcCall): Promise<void> {
  if (!isServed(request)) throw new GrpcError(GrpcCode.notFound, 'unknown service');
  await call.send(SERVING);
}

async function healthWatch(request: Uint8Array, call: GrpcCall): Promise<void> {
  await call.send(isServed(request) ? SERVING : SERVICE_UNKNOWN);
  await new Promise<void>((resolve) => {
    if (call.signal.aborted) resolve();
    call.signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
