import { type Millis, type Rng, silentLog } from '@proconsul/base';
import type { Configuration, RaftOptions } from '@proconsul/raft';
import { EventQueue } from '../event-queue.ts';
import { Ledger } from './ledger.ts';
import { NodeNetwork } from './node-network.ts';
import { NodeServer, type NodeWorld } from './node-server.ts';
import { runEvents } from './run-events.ts';
import type { SimFiles } from './sim-files.ts';

/** Whole servers in good weather, for experiments with one fault. */
export class CalmWorld {
  readonly events = new EventQueue();
  readonly rng: Rng;
  readonly ledger = new Ledger();
  readonly servers: readonly NodeServer[];
  #ids = 0;
  #failure: unknown;

  constructor(rng: Rng, count: number, options: Partial<RaftOptions> = {}, files?: (events: EventQueue) => SimFiles) {
    this.rng = rng;
    const ids = Array.from({ length: count }, (_, i) => `n${i + 1}`);
    const configuration: Configuration = {
      servers: ids.map((id) => ({ id, address: `${id}:8300`, suffrage: 'voter' as const })),
    };
    const world: NodeWorld = {
      events: this.events,
      rng,
      network: new NodeNetwork(this.events, rng, true),
      ledger: this.ledger,
      configuration,
      drift: 0,
      old: 0,
      note: () => undefined,
      logOf: () => silentLog,
      fail: (error) => {
        this.#failure ??= error;
      },
    };
    this.servers = ids.map((id) => new NodeServer(id, options, world, files?.(this.events)));
  }

  get now(): Millis {
    return this.events.now;
  }

  /** Whoever leads and may answer. */
  leader(): NodeServer | undefined {
    return this.servers.find((s) => s.isLeader && s.node?.hasLease());
  }

  /** A client writes to whoever leads. `done` with the index once it is acknowledged. */
  write(key: string, done: (id: number) => void = () => undefined): void {
    for (const server of this.servers) {
      if (!server.isLeader) continue;
      const id = ++this.#ids;
      server.propose(id, key, `v${id}`, (outcome) => {
        if (outcome === 'acknowledged') done(id);
      });
    }
  }

  async run(forMs: Millis): Promise<void> {
    await runEvents(this.events, forMs, () => {
      if (this.#failure) throw this.#failure;
    });
  }

  /** Whether it came true in time, looking every `pollMs`. */
  async runUntil(withinMs: Millis, holds: () => boolean, pollMs: Millis = 1): Promise<boolean> {
    for (const until = this.now + withinMs; this.now < until; ) {
      if (holds()) return true;
      await this.run(pollMs);
    }
    return holds();
  }
}
