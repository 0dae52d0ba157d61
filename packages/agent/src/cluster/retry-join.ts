import { type Clock, errorText, formatDuration, type Log, type Timer } from '@proconsul/base';
import type { RetryJoin as RetryJoinSettings } from '@proconsul/config';
import { DISCOVERY_METHODS, type Discover } from './discovery.ts';

export interface RetryJoinDependencies {
  readonly clock: Clock;
  readonly log: Log;
  readonly discover: Discover;
  /** Joins; resolves with how many answered. Rejects when none did. */
  join(addresses: readonly string[]): Promise<number>;
  /** It worked: nothing more is tried. */
  joined(): void;
  /** It failed as often as it may. */
  exhausted(error: Error): void;
}

/**
 * Joins a pool at the start, again and again until it worked once. Order and texts of the log: recorded.
 */
export class RetryJoin {
  readonly #cluster: 'LAN' | 'WAN';
  readonly #settings: RetryJoinSettings;
  readonly #d: RetryJoinDependencies;
  #timer: Timer | null = null;
  #stopped = false;
  #failures = 0;

  constructor(cluster: 'LAN' | 'WAN', settings: RetryJoinSettings, dependencies: RetryJoinDependencies) {
    this.#cluster = cluster;
    this.#settings = settings;
    this.#d = dependencies;
  }

  start(): void {
    if (this.#settings.addresses.length === 0) return;
    const { log } = this.#d;
    log.info('Retry join is supported for the following discovery methods', {
      cluster: this.#cluster,
      discovery_methods: DISCOVERY_METHODS,
    });
    log.info('Joining cluster...', { cluster: this.#cluster });
    void this.#attempt();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  async #attempt(): Promise<void> {
    const cluster = this.#cluster;
    const { log } = this.#d;
    try {
      const agents = await this.#d.join(await this.#addresses());
      if (this.#stopped) return;
      log.info('Join cluster completed. Synced with initial agents', { cluster, num_agents: agents });
      this.#d.joined();
    } catch (error) {
      if (!this.#stopped) this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    const cluster = this.#cluster;
    const { intervalMs, maxAttempts } = this.#settings;
    this.#failures++;
    if (maxAttempts > 0 && this.#failures > maxAttempts) {
      this.#d.exhausted(new Error(`agent: max join ${cluster} retry exhausted, exiting`));
      return;
    }
    this.#d.log.warn('Join cluster failed, will retry', {
      cluster,
      retry_interval: formatDuration(intervalMs * 1e6),
      error: errorText(error),
    });
    this.#timer = this.#d.clock.after(intervalMs, () => void this.#attempt());
  }

  /** Plain addresses as they are, those of clouds looked up anew each time. Throws when nothing is left. */
  async #addresses(): Promise<readonly string[]> {
    const cluster = this.#cluster;
    const { log, discover } = this.#d;
    const found: string[] = [];
    for (const address of this.#settings.addresses) {
      if (!address.includes('provider=')) {
        found.push(address);
        continue;
      }
      try {
        const servers = await discover(address);
        found.push(...servers);
        log.info('Discovered servers', { cluster, servers: servers.join(' ') });
      } catch (error) {
        log.error('Cannot discover address', { cluster, address, error: errorText(error) });
      }
    }
    if (found.length === 0) throw new Error('No servers to join');
    return found;
  }
}
