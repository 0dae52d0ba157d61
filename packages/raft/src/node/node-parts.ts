import type { Clock, Disk, Log, Metrics, Rng } from '@proconsul/base';
import type { ConfigurationCodec, ServerId } from '../configuration.ts';
import { RaftCore } from '../core/core.ts';
import type { RaftInput, Role } from '../core/inputs.ts';
import { PATIENCE } from '../core/timing.ts';
import type { Storage } from '../disk/storage.ts';
import { Applier } from './applier.ts';
import { BatchTimes } from './batch-times.ts';
import { Callers } from './callers.ts';
import { Driver } from './driver.ts';
import { Effects } from './effects.ts';
import { IncomingRequests } from './incoming-requests.ts';
import { NodeSnapshots } from './node-snapshots.ts';
import type { NodeStatus } from './node-status.ts';
import type { RaftOptions } from './options.ts';
import { Outbox } from './outbox.ts';
import { Proposals } from './proposals.ts';
import { Proposer } from './proposer.ts';
import type { StateMachine } from './state-machine.ts';
import type { Transport } from './transport.ts';
import { VoteWriter } from './vote-writer.ts';
import { WakeTimer } from './wake-timer.ts';

export interface RaftDependencies {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly disk: Disk;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly transport: Transport;
  readonly codec: ConfigurationCodec;
  readonly machine: StateMachine;
  /** Told after the change took effect here. A leader has to pass a barrier before it may answer for the past. */
  onRole?(role: Role, term: number): void;
  /** Told when another server, or nobody, is followed. */
  onLeader?(leader: { readonly id: ServerId; readonly address: string } | undefined): void;
  /** The disk or the program failed: this node takes no part any more. Told once. */
  onFailure?(error: Error): void;
}

/** What an open node consists of. */
export interface NodeParts {
  readonly storage: Storage;
  readonly core: RaftCore;
  readonly applier: Applier;
  readonly snapshots: NodeSnapshots;
  readonly proposals: Proposals;
  readonly proposer: Proposer;
  readonly callers: Callers;
  readonly requests: IncomingRequests;
  readonly votes: VoteWriter;
  readonly timer: WakeTimer;
  readonly times: BatchTimes;
  readonly effects: Effects;
  readonly driver: Driver;
}

/** Puts a node together on what its disk holds. */
export function nodeParts(
  options: RaftOptions,
  d: RaftDependencies,
  storage: Storage,
  status: NodeStatus,
  onFailed: (error: Error) => void,
): NodeParts {
  const { clock, rng, disk, log, codec, machine, metrics, transport } = d;
  const { id, address, heartbeatTimeoutMs, diskRetryMs: retryMs } = options;
  const core = new RaftCore(options, storage.initial, rng, codec);
  const proposals = new Proposals();
  const callers = new Callers();
  const times = new BatchTimes(metrics);
  const shared = { clock, rng, disk, log, metrics, status, storage, core, proposals, callers, times };
  const input = (it: RaftInput): void => driver.input(it);
  const timer = new WakeTimer(clock, () => input({ kind: 'timer', at: clock.now() }));
  const applier = new Applier(storage.snapshots.latest?.index ?? 0, {
    log: storage.log,
    machine,
    clock,
    metrics,
    settle: (entry, result) => proposals.settle(entry, result),
    onApplied: (index) => noteApplied(index, options, shared),
    onFailed,
  });
  const snapshots = new NodeSnapshots(options, d, storage, applier, {
    core,
    status,
    barrier: () => proposer.barrier(),
    flush: () => proposer.planFlush(),
    input,
    fail: onFailed,
  });
  const outbox = new Outbox({
    log: storage.log,
    snapshots: storage.snapshots,
    transport,
    id,
    address,
    answered: (from, sent, response) => input({ kind: 'response', at: clock.now(), from: from.id, sent, response }),
  });
  const onFull = (): void => {
    proposals.rejectQueued('DISK_FULL');
    driver.release();
  };
  const votes = new VoteWriter({ disk, clock, log, status, path: storage.votePath, retryMs, onFull, onFailed });
  const onRole = (role: Role, term: number): void => d.onRole?.(role, term);
  const onLeader: RaftDependencies['onLeader'] = (leader) => d.onLeader?.(leader);
  const effects = new Effects({ ...shared, applier, outbox, snapshots, timer, onRole, onLeader });
  const onRest = (): void => {
    if (proposals.queuedSize > 0) proposer.planFlush();
  };
  const driver = new Driver({ ...shared, votes, effects, onRest, onFailed });
  const proposer = new Proposer(options, { ...shared, snapshots, driver });
  const requests = new IncomingRequests({ ...shared, driver, patienceMs: PATIENCE * heartbeatTimeoutMs });
  return {
    storage,
    core,
    proposals,
    callers,
    times,
    timer,
    applier,
    snapshots,
    votes,
    effects,
    driver,
    proposer,
    requests,
  };
}

/** Memory keeps what followers may soon want; alone, nothing. */
function noteApplied(
  index: number,
  { cacheBytes }: RaftOptions,
  parts: Pick<NodeParts, 'storage' | 'core'> & { metrics: Metrics },
): void {
  const { core, metrics } = parts;
  const { log, snapshots } = parts.storage;
  const hasPeers = core.configuration.servers.length > 1;
  log.trimCache(index, hasPeers ? cacheBytes : 0);
  metrics.gauge('raft.applied_index', index);
  metrics.gauge('raft.last_index', Math.max(log.lastIndex, snapshots.latest?.index ?? 0));
}
