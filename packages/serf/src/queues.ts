import type { Labels, Log, Metrics } from '@proconsul/base';
import { BroadcastQueue } from './broadcast-queue.ts';
import type { SerfOptions } from './options.ts';

export interface QueuesDependencies {
  readonly log: Log;
  readonly metrics: Metrics;
  /** Members that gossip reaches. */
  aliveCount(): number;
}

/** What waits to be spread. Source: gossip wire notes, section 3: intents go first, then queries, then events. */
export class Queues {
  readonly intents: BroadcastQueue;
  readonly queries: BroadcastQueue;
  readonly events: BroadcastQueue;
  readonly #options: SerfOptions;
  readonly #d: QueuesDependencies;
  readonly #labels: Labels;

  constructor(options: SerfOptions, dependencies: QueuesDependencies) {
    this.#options = options;
    this.#labels = options.metricLabels;
    this.#d = dependencies;
    const wanted = () => options.retransmitMult * Math.ceil(Math.log10(dependencies.aliveCount() + 1));
    this.intents = new BroadcastQueue(options.queueDepthMax, wanted);
    this.queries = new BroadcastQueue(options.queueDepthMax, wanted);
    this.events = new BroadcastQueue(options.queueDepthMax, wanted);
  }

  take(overhead: number, limit: number): Uint8Array[] {
    const taken: Uint8Array[] = [];
    let free = limit;
    for (const queue of [this.intents, this.queries, this.events]) {
      for (const message of queue.take(overhead, free)) {
        free -= message.length + overhead;
        this.#d.metrics.sample('serf.msgs.sent', message.length, this.#labels);
        taken.push(message);
      }
    }
    return taken;
  }

  /** Reports the depths. */
  check(): void {
    const named = { Intent: this.intents, Query: this.queries, Event: this.events };
    for (const [name, queue] of Object.entries(named)) {
      this.#d.metrics.sample(`serf.queue.${name}`, queue.depth, this.#labels);
      if (queue.depth >= this.#options.queueDepthWarning) {
        this.#d.log.warn(`serf: ${name} queue depth: ${queue.depth}`);
      }
    }
  }
}
