import { type Clock, errorText, type Log, type Metrics, type Millis, type Rng, type Timer } from '@proconsul/base';
import { NodeState } from './delegate.ts';
import type { Exchange } from './exchange.ts';
import { pushPullMs } from './formulas.ts';
import { isLive, type Member, type Members } from './members.ts';
import type { MemberlistOptions } from './options.ts';
import type { PacketSender } from './packet-sender.ts';

/** How often the sizes of queue and pool are reported. */
const REPORT_MS = 10_000;

export interface SpreaderDependencies {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly members: Members;
  readonly sender: PacketSender;
  readonly exchange: Exchange;
  readonly queued: () => number;
}

/** Spreads what is known: gossip to a few members often, everything to one member now and then. */
export class Spreader {
  readonly #options: MemberlistOptions;
  readonly #d: SpreaderDependencies;
  readonly #timers = new Map<string, Timer>();

  constructor(options: MemberlistOptions, dependencies: SpreaderDependencies) {
    this.#options = options;
    this.#d = dependencies;
  }

  /** Each member begins at another moment, so that they do not all speak at once. */
  start(): void {
    const { rng } = this.#d;
    const { gossipIntervalMs, pushPullIntervalMs } = this.#options;
    this.#every(
      'gossip',
      rng.float() * gossipIntervalMs,
      () => gossipIntervalMs,
      () => this.#gossip(),
    );
    this.#every(
      'report',
      REPORT_MS,
      () => REPORT_MS,
      () => this.#report(),
    );
    if (pushPullIntervalMs > 0) {
      const next = (): Millis => pushPullMs(pushPullIntervalMs, this.#d.members.size);
      this.#every('push/pull', rng.float() * pushPullIntervalMs + pushPullIntervalMs, next, () => this.#pushPull());
    }
  }

  stop(): void {
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }

  #every(name: string, firstMs: Millis, nextMs: () => Millis, fn: () => void): void {
    const run = (): void => {
      this.#timers.set(name, this.#d.clock.after(nextMs(), run));
      fn();
    };
    this.#timers.set(name, this.#d.clock.after(firstMs, run));
  }

  #gossip(): void {
    const { clock, members, sender, metrics } = this.#d;
    const { name, gossipNodes, gossipToTheDeadMs, metricLabels } = this.#options;
    const now = clock.now();
    const wants = ({ node, changedAt }: Member): boolean =>
      node.name !== name && (isLive(node) || (node.state === NodeState.dead && now - changedAt <= gossipToTheDeadMs));
    for (const { node } of members.sample(gossipNodes, wants)) {
      if (!sender.sendGossip(node)) break;
    }
    metrics.sample('memberlist.gossip', clock.now() - now, metricLabels);
  }

  #pushPull(): void {
    const { members, exchange, log } = this.#d;
    const isPartner = ({ node }: Member): boolean => node.state === NodeState.alive && node.name !== this.#options.name;
    const [partner] = members.sample(1, isPartner);
    if (partner === undefined) return;
    const { name, address, port } = partner.node;
    exchange.pushPull({ host: address, port }, name, false).catch((error) => {
      log.error(`memberlist: Push/Pull with ${name} failed: ${errorText(error)}`);
    });
  }

  #report(): void {
    const { members, metrics, queued } = this.#d;
    const labels = this.#options.metricLabels;
    metrics.sample('memberlist.queue.broadcasts', queued(), labels);
    const counts = { alive: 0, suspect: 0, dead: 0, left: 0 };
    const names = Object.keys(counts) as (keyof typeof counts)[];
    for (const { node } of members.all()) counts[names.find((name) => NodeState[name] === node.state)!]++;
    for (const name of names) metrics.gauge('memberlist.node.instances', counts[name], { ...labels, node_state: name });
  }
}
