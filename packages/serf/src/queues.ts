import type { Labels, Log, Metrics } from '@proconsul/base';
import { BroadcastQueue, transmitLimit } from '@proconsul/gossip';
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
    const wanted = () => transmitLimit(options.retransmitMult, dependencies.aliveCount());
    this.intents = new BroadcastQueue(wanted);
    this.queries = new BroadcastQueue(wanted);
    this.events = new BroadcastQueue(wanted);
  }

  /** Drops what was sent most often when the queue is full. `finished` is called once, also when it was dropped. */
  add(queue: BroadcastQueue, message: Uint8Array, finished?: () => void): void {
    queue.add({ message, ...(finished === undefined ? {} : { finished }) });
    queue.prune(this.#options.queueDepthMax);
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
      this.#d.metrics.sample(`serf.queue.${name}`, queue.size, this.#labels);
      if (queue.size >= this.#options.queueDepthWarning) {
        this.#d.log.warn(`serf: ${name} queue depth: ${queue.size}`);
      }
    }
  }
}
