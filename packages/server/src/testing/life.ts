import { type Clock, type Disk, type Log, type Millis, noMetrics, type Rng, silentLog } from '@proconsul/base';
import type { Caller } from '@proconsul/endpoints';
import { msgpackConfiguration, RAFT_DEFAULTS, RaftNode, type StateMachine, type Transport } from '@proconsul/raft';
import { type Command, Store } from '@proconsul/store';
import { DEFAULT_AUTOPILOT } from '../autopilot.ts';
import { Autopilot } from '../autopilot-loop.ts';
import { BootstrapExpect } from '../bootstrap-expect.ts';
import type { Consensus } from '../consensus.ts';
import { LeaderDuties } from '../leader/leader-duties.ts';
import { MemberReconciler } from '../leader/member-reconciler.ts';
import { raftStats } from '../raft-stats.ts';
import { Server } from '../server.ts';
import { SERVER_DEFAULTS } from '../server-options.ts';
import type { PoolMember } from '../servers/member.ts';
import { parseServerTags, type ServerInfo } from '../servers/server-tags.ts';
import { NodeConsensus } from './node-consensus.ts';

/** One life of a server: everything that a process has in memory. */
export interface Life {
  isOver: boolean;
  readonly node: RaftNode;
  readonly store: Store;
  readonly consensus: Consensus;
  readonly server: Server;
  readonly autopilot: Autopilot;
  readonly reconciler: MemberReconciler;
  readonly duties: LeaderDuties;
  readonly bootstrap: BootstrapExpect;
}

/** What a life needs of the world around it. */
export interface Surroundings {
  readonly id: string;
  readonly datacenter: string;
  /** Servers that a first configuration waits for; 0: it is written by hand. */
  readonly expect: number;
  readonly address: string;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Log;
  readonly disk: Disk;
  transport(isAlive: () => boolean): Transport;
  members(): readonly PoolMember[];
  /** Now, or when the process goes on that stands still. */
  whenRunning(run: () => void): void;
  /** Another server, once a message has come to it. Rejects when it cannot be reached. */
  reach(id: string): Promise<Life>;
  callerTo(id: string): Caller;
  left(id: string): void;
  announce(): void;
}

/** A process that begins: nothing of an earlier life is in it but what the disk holds. */
export function makeLife(w: Surroundings): Life {
  const isAlive = (): boolean => !life.isOver;
  const clock = mortalClock(w, isAlive);
  const { id, datacenter, log } = w;
  const store = new Store({ datacenter });
  const node = makeNode(w, clock, store, isAlive, () => life);
  const consensus = new NodeConsensus(node);
  const servers = (): ServerInfo[] => w.members().flatMap((m) => parseServerTags(m) ?? []);
  const parts = { clock, log, metrics: noMetrics, store, consensus };
  const autopilot = new Autopilot({
    ...parts,
    config: () => store.operator.autopilot().value ?? DEFAULT_AUTOPILOT,
    servers,
    statsOf: async (server) => {
      return raftStats((await w.reach(server.id)).consensus);
    },
    forceLeave: (server) => w.left(server.id),
    nodeMeta: () => ({}),
  });
  const server: Server = new Server(
    { ...SERVER_DEFAULTS, datacenter },
    {
      ...parts,
      rng: w.rng,
      leaderCaller: () => {
        const leader = consensus.leaderId();
        return servers().some((s) => s.id === leader) ? w.callerTo(leader) : undefined;
      },
      datacenterCaller: () => undefined,
      servers: () => autopilot.facts(),
      askServers: () => autopilot.observe(),
      wanCoordinates: () => [],
      datacenters: () => [datacenter],
    },
  );
  const reconciler = new MemberReconciler({ datacenter, nodeName: id, nodeId: id }, { ...parts, members: w.members });
  const duties = new LeaderDuties(
    { datacenter, autopilot: DEFAULT_AUTOPILOT, connectEnabled: false },
    {
      ...{ ...parts, server, reconciler, autopilot },
      firstAuthority: async () => [].values(),
      announce: () => w.announce(),
    },
  );
  const bootstrap = new BootstrapExpect(
    { datacenter, nodeName: id, expect: w.expect },
    {
      clock,
      log,
      members: w.members,
      peersOf: async (other) => {
        return (await w.reach(other.id)).consensus.members().map((m) => m.address);
      },
      isFresh: () => node.core.isFresh,
      bootstrap: (configuration) => node.bootstrap(configuration),
    },
  );
  const life: Life = {
    isOver: false,
    ...{ node, store, consensus, server, autopilot, reconciler, duties, bootstrap },
  };
  return life;
}

/** Its timers wait while the process stands still, and die with it. */
function mortalClock({ clock, whenRunning }: Surroundings, isAlive: () => boolean): Clock {
  return {
    now: () => clock.now(),
    wallMs: () => clock.wallMs(),
    after: (ms: Millis, fn: () => void) => {
      let isCancelled = false;
      const run = () => isAlive() && !isCancelled && fn();
      const timer = clock.after(ms, () => whenRunning(run));
      const cancel = () => {
        isCancelled = true;
        timer.cancel();
      };
      return { cancel };
    },
  };
}

function makeNode(w: Surroundings, clock: Clock, store: Store, isAlive: () => boolean, life: () => Life): RaftNode {
  return new RaftNode(
    { ...RAFT_DEFAULTS, id: w.id, address: w.address },
    {
      clock,
      rng: w.rng,
      disk: w.disk,
      log: silentLog,
      metrics: noMetrics,
      transport: w.transport(isAlive),
      codec: msgpackConfiguration,
      machine: machineOf(store),
      onRole: (role) => isAlive() && life().duties.roleChanged(role),
      onLeader: () => isAlive() && life().server.leaderChanged(),
    },
  );
}

const machineOf = (store: Store): StateMachine => ({
  apply: (entries) => {
    const results = entries.map((e) => store.apply(e.index, e.data, e.command as Command | undefined));
    store.flush();
    return results;
  },
  snapshot: () => store.snapshot(),
  restore: async () => {
    throw new Error('no snapshots here');
  },
});
