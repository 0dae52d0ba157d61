import {
  type Clock,
  type Disk,
  DiskError,
  errorText,
  formatDuration,
  fromUtf8,
  type Log,
  type Millis,
  sleep,
  type Timer,
  utf8,
} from '@proconsul/base';

const FILE = 'server_metadata.json';
/** Source: life cycle documentation, section 8. */
const REFRESH_MS: Millis = 3_600_000;
const COMPLAIN_EVERY_MS: Millis = 10_000;
const COMPLAINTS = 6;

/** Remembers when this server was last seen, so that one that was away for too long does not come back by accident. */
export class RejoinAge {
  readonly #disk: Disk;
  readonly #clock: Clock;
  readonly #log: Log;
  #timer: Timer | null = null;

  constructor(dependencies: { readonly disk: Disk; readonly clock: Clock; readonly log: Log }) {
    this.#disk = dependencies.disk;
    this.#clock = dependencies.clock;
    this.#log = dependencies.log;
  }

  /** Rejects, after a minute of complaints, when the server was away for longer than `maxMs`. */
  async check(maxMs: Millis): Promise<void> {
    const seen = await this.#lastSeenMs();
    if (seen === undefined || this.#clock.wallMs() - seen <= maxMs) return;
    const text = `refusing to rejoin cluster because server has been offline for more than the configured server_rejoin_age_max (${formatDuration(maxMs * 1e6)}) - consider wiping your data dir`;
    for (let i = 0; i < COMPLAINTS; i++) {
      this.#log.error('startup error', { error: text });
      await sleep(this.#clock, COMPLAIN_EVERY_MS);
    }
    throw new Error(text);
  }

  async #lastSeenMs(): Promise<number | undefined> {
    try {
      const { last_seen_unix } = JSON.parse(fromUtf8(await this.#disk.read(FILE)));
      if (typeof last_seen_unix === 'number') return last_seen_unix * 1000;
      throw new Error('no last_seen_unix');
    } catch (error) {
      if (error instanceof DiskError && error.code === 'ENOENT') return undefined;
      throw new Error(`error reading server metadata: ${errorText(error)}`);
    }
  }

  /** Writes the present moment, now and each hour. */
  start(): void {
    const text = `{"last_seen_unix":${Math.floor(this.#clock.wallMs() / 1000)}}`;
    this.#disk
      .writeAtomic(FILE, utf8(text), 0o600)
      .catch((error) => this.#log.error('failed to write server metadata', { error: errorText(error) }));
    this.#timer = this.#clock.after(REFRESH_MS, () => this.start());
  }

  stop(): void {
    this.#timer?.cancel();
  }
}
