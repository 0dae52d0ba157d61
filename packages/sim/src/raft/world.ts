import type { Millis, Rng } from '@proconsul/base';
import type { CoreOptions, RaftCore, RaftInput, ServerId } from '@proconsul/raft';
import type { EventQueue } from '../event-queue.ts';
import type { SimClock } from '../sim-clock.ts';
import type { SimDisk } from './disk.ts';
import type { Trace } from './failure.ts';
import type { SimNetwork } from './network.ts';
import type { Oracle } from './oracle.ts';
import type { SimServer } from './server.ts';

/** Faults in the harness itself, to prove that the oracle sees them. */
export type Sabotage = 'none' | 'sync-lies' | 'vote-forgotten' | 'verify-skipped' | 'lease-ignored';

/** What all servers of a run share. */
export interface World {
  readonly events: EventQueue;
  readonly rng: Rng;
  readonly network: SimNetwork;
  readonly oracle: Oracle;
  readonly trace: Trace;
  readonly sabotage: Sabotage;
  /** Folds a number into the hash of the run. */
  mix(value: number): void;
  serverOf(id: ServerId): SimServer | undefined;
  readonly servers: readonly SimServer[];
}

/** A server, as its parts see it. Each life has parts of its own. */
export interface Host {
  readonly id: ServerId;
  readonly clock: SimClock;
  readonly storage: SimDisk;
  readonly options: CoreOptions;
  readonly world: World;
  /** Undefined while it is down. */
  readonly core: RaftCore | undefined;
  /** Calls `run` after a while, unless this life has ended. */
  later(delayMs: Millis, run: () => void): void;
  input(input: RaftInput): void;
  note(text: string): void;
}
