import { type Clock, errorText, type Millis, type Rng } from '@proconsul/base';
import {
  type AnyWireMethod,
  type ArgsOf,
  type Caller,
  type CommonArgs,
  EndpointError,
  invalid,
  noServers,
  Operator,
  READ_NOW,
  type ReadDone,
  type ReadMeta,
  type ReadMethod,
  type ReadOptions,
  type View,
  type WireReply,
  type WriteMethod,
  wireOf,
} from '@proconsul/endpoints';
import type { GrpcUnary } from '../grpc/grpc-client.ts';
import { decodeTransferred, encodeTransfer, TRANSFER_LEADER_PATH } from '../grpc/operator-service.ts';
import { GrpcError } from '../grpc/status.ts';
import type { RpcClient, RpcPeer } from '../peer.ts';
import { callError, isServerFault, mayRetry } from './call-errors.ts';
import { Patience } from './patience.ts';
import { RemoteView } from './remote-view.ts';
import type { ServerChoice } from './server-choice.ts';

/** How servers wait when a read does not say; and the longest wait that they grant. Source: RPC wire, section 4. */
export const DEFAULT_WAIT_MS: Millis = 300_000;
export const WAIT_MAX_MS: Millis = 600_000;
/** Waits are stretched by up to this part. */
const JITTER_FRACTION = 16;

export interface RemoteCallerDependencies {
  readonly client: RpcClient;
  readonly servers: ServerChoice;
  readonly clock: Clock;
  readonly rng: Rng;
  /** How long a call that meets no leader goes on trying (`rpc_hold_timeout`). */
  readonly holdTimeoutMs: Millis;
  /** For calls that do not wait (`rpc_client_timeout`). */
  readonly callTimeoutMs: Millis;
  /** Undefined: always true. False refuses a call: the agent makes more than it may (`limits.rpc_rate`). */
  readonly admits?: () => boolean;
  /** For what servers of the reference take by gRPC alone. Undefined: it cannot be asked of them. */
  readonly grpc?: GrpcUnary;
}

const UNKNOWN: ReadMeta = { knownLeader: false, lastContactMs: 0 };

/**
 * Calls to servers. Bound to one server it makes each call once. With servers to choose from, calls that found no leader
 * or lost their connection are made again, at other servers, for as long as a call may be held. Errors are
 * EndpointErrors whose texts tell the hop. `peek` never has an answer.
 */
export class RemoteCaller implements Caller {
  readonly #d: RemoteCallerDependencies;

  constructor(dependencies: RemoteCallerDependencies) {
    this.#d = dependencies;
  }

  peek<A extends CommonArgs, T>(_method: ReadMethod<A, T>, _args: A): View<T> | undefined {
    return undefined;
  }

  leads(): boolean {
    return false;
  }

  read<A extends CommonArgs, T>(
    method: ReadMethod<A, T>,
    args: A,
    options: ReadOptions,
    done: ReadDone<T>,
  ): () => void {
    const waits = method.blocking && options.minIndex > 0;
    // Answers that need no waiting are there soon: who wants them no longer just does not look at them.
    const abort = waits ? new AbortController() : null;
    let isCancelled = false;
    const startedAt = this.#d.clock.now();
    const ask = (wire: AnyWireMethod): { body: Uint8Array; timeoutMs: Millis } => {
      if (!waits) return { body: wire.encodeRequest(args, options), timeoutMs: this.#d.callTimeoutMs };
      // A wait that begins again has only the rest of its time.
      const waitMs = Math.max(1, waitOf(options) - (this.#d.clock.now() - startedAt));
      const rest = waitMs < waitOf(options) ? { ...options, waitMs } : options;
      return { body: wire.encodeRequest(args, rest), timeoutMs: this.#deadlineMs(waitMs) };
    };
    this.#call('read', method.name, args, ask, { signal: abort?.signal, isGone: () => isCancelled }).then(
      (reply) => {
        if (isCancelled) return;
        done(null, new RemoteView(reply.meta.index, reply.value as T), reply.meta);
      },
      (error: Error) => {
        if (!isCancelled) done(error, null, UNKNOWN);
      },
    );
    return () => {
      isCancelled = true;
      abort?.abort();
    };
  }

  async write<A extends CommonArgs, R>(method: WriteMethod<A, R>, args: A): Promise<R> {
    const timeoutMs = this.#d.callTimeoutMs;
    // What is written down is as it was asked for, and some of it tells the datacenter.
    const named = (peer: RpcPeer) => (args.Datacenter === '' ? { ...args, Datacenter: peer.datacenter } : args);
    const ask = (wire: AnyWireMethod, peer: RpcPeer) => ({
      body: wire.encodeRequest(named(peer), READ_NOW),
      timeoutMs,
    });
    try {
      return (await this.#call('write', method.name, args, ask)).value as R;
    } catch (error) {
      if (!(error instanceof EndpointError) || method.name !== Operator.TransferLeader.name) throw error;
      if (error.code !== 'NO_METHOD') throw new EndpointError(error.code, withoutHops(error.message));
      return (await this.#transferByGrpc(args as unknown as ArgsOf<typeof Operator.TransferLeader>)) as R;
    }
  }

  /** Servers of the reference take this one by gRPC. Their texts come bare. */
  async #transferByGrpc({ Datacenter, ID }: ArgsOf<typeof Operator.TransferLeader>): Promise<boolean> {
    const { grpc, servers, callTimeoutMs } = this.#d;
    const peer = servers.pick(Datacenter);
    if (peer === undefined) throw noServers();
    if (grpc === undefined) throw new EndpointError('UNSUPPORTED', 'the leader takes transfers by gRPC alone');
    try {
      return decodeTransferred(await grpc(peer, TRANSFER_LEADER_PATH, encodeTransfer(ID), callTimeoutMs));
    } catch (error) {
      throw error instanceof GrpcError ? new EndpointError('REMOTE', error.message) : callError(error);
    }
  }

  /** One call, and the same one again as long as that may help. Rejects with EndpointError. */
  async #call<A extends CommonArgs>(
    kind: 'read' | 'write',
    name: string,
    args: A,
    ask: (wire: AnyWireMethod, peer: RpcPeer) => { body: Uint8Array; timeoutMs: Millis },
    { signal, isGone }: { readonly signal?: AbortSignal | undefined; readonly isGone?: () => boolean } = {},
  ): Promise<WireReply<unknown>> {
    const { client, servers, clock, rng, holdTimeoutMs } = this.#d;
    const wire = wireOf(name, args);
    if (wire === undefined) throw new EndpointError('NO_METHOD', `rpc: can't find method ${name}`);
    if (this.#d.admits?.() === false) throw new EndpointError('RPC_RATE_LIMITED', 'RPC rate limit exceeded', 429);
    let patience: Patience | null = null;
    for (;;) {
      const peer = servers.pick(args.Datacenter);
      if (peer === undefined) throw noServers();
      const { body, timeoutMs } = encoded(() => ask(wire, peer));
      const startedAt = clock.now();
      let fault: EndpointError;
      try {
        const options = signal === undefined ? { timeoutMs } : { timeoutMs, signal };
        return wire.decodeReply(await client.call(peer, wire.name, body, options), args);
      } catch (error) {
        fault = callError(error);
        if (isGone?.() === true) throw fault;
        // One that has held the call and found no leader may be alone in that: another may know one.
        if (isServerFault(error) || fault.code === 'NO_LEADER') servers.failed(peer);
        if (servers.isFixed === true || !mayRetry(error, kind)) throw fault;
      }
      patience ??= new Patience(clock, rng, holdTimeoutMs);
      // A server without a leader holds a call itself; its patience does not renew ours.
      if (fault.code !== 'NO_LEADER') patience.renewAfter(clock.now() - startedAt);
      if (!(await patience.pause(signal)) || isGone?.() === true) throw fault;
    }
  }

  /** Servers stretch a wait, and may have to look for a leader first. Source: RPC wire, section 4. */
  #deadlineMs(waitMs: Millis): Millis {
    return waitMs + waitMs / JITTER_FRACTION + this.#d.holdTimeoutMs;
  }
}

const waitOf = ({ waitMs }: ReadOptions): Millis => (waitMs <= 0 ? DEFAULT_WAIT_MS : Math.min(waitMs, WAIT_MAX_MS));

/** What the structure of a request cannot hold is the caller's fault. */
function encoded<T>(ask: () => T): T {
  try {
    return ask();
  } catch (error) {
    throw invalid(errorText(error));
  }
}

const withoutHops = (text: string): string => text.replace(/^(rpc error making call: )+/, '');
