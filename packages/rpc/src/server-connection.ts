import type { Clock, Millis, Timer } from '@proconsul/base';
import type { YamuxSession } from '@proconsul/yamux';
import { ClientCodec } from './client-codec.ts';
import { RpcError } from './errors.ts';
import { CALLS_PER_SERVER_MAX, type PoolSizes, SURPLUS_STREAM_MS } from './limits.ts';

interface IdleStream {
  readonly codec: ClientCodec;
  readonly since: number;
}

/** One multiplexed connection to a server, with the streams that wait for their next call. */
export class ServerConnection {
  readonly #session: YamuxSession;
  readonly #sizes: PoolSizes;
  readonly #clock: Clock;
  /** The one used last is at the end. No more than there were calls at a time. */
  #idle: IdleStream[] = [];
  #surplusTimer: Timer | undefined;
  #calls = 0;
  #idleTimer: Timer | undefined;
  /** When the last call ended. */
  #usedAt: Millis;

  #isEnded = false;

  /** `closed` is called once, when no call can be made here any more; `lost`: we did not close it. */
  constructor(session: YamuxSession, sizes: PoolSizes, clock: Clock, closed: (lost: boolean) => void) {
    this.#session = session;
    this.#sizes = sizes;
    this.#clock = clock;
    session.onClose(() => {
      this.#idleTimer?.cancel();
      this.#surplusTimer?.cancel();
      closed(!this.#isEnded);
    });
    this.#usedAt = clock.now();
    this.#watchIdle(sizes.idleMs);
  }

  get isOpen(): boolean {
    return this.#session.isOpen;
  }

  get idleStreamCount(): number {
    return this.#idle.length;
  }

  /** A stream for one call, to be given back. Throws RpcError. */
  take(): ClientCodec {
    if (this.#calls >= CALLS_PER_SERVER_MAX) {
      throw new RpcError('RPC_OVERLOADED', 'too many calls to one server', false);
    }
    const codec = this.#reuse() ?? this.#open();
    this.#calls++;
    return codec;
  }

  /** The call is over. */
  give(codec: ClientCodec): void {
    this.#calls--;
    if (codec.isOpen) {
      this.#idle.push({ codec, since: this.#clock.now() });
      if (this.#idle.length > this.#sizes.idleStreamsMax) this.#watchSurplus();
    }
    this.#usedAt = this.#clock.now();
    // A server that says goodbye closes when the last call is done; there will be no other one.
    if (this.#calls === 0 && !this.#session.isOpen) this.close();
  }

  /** Ends like a connection that broke, unless the server answers within `timeoutMs`. */
  probe(timeoutMs: Millis): void {
    this.#session.probe(timeoutMs);
  }

  close(): void {
    this.#isEnded = true;
    this.#session.close();
  }

  #reuse(): ClientCodec | undefined {
    const oldest = this.#clock.now() - this.#sizes.idleMs;
    for (let last = this.#idle.pop(); last !== undefined; last = this.#idle.pop()) {
      if (!last.codec.isOpen) continue;
      if (last.since > oldest) return last.codec;
      last.codec.close();
    }
    return undefined;
  }

  #open(): ClientCodec {
    try {
      return new ClientCodec(this.#session.open(), this.#clock);
    } catch (error) {
      throw new RpcError('RPC_CLOSED', (error as Error).message, false);
    }
  }

  /** Closes the streams over the number to keep that nobody has used for a while. */
  #watchSurplus(): void {
    this.#surplusTimer ??= this.#clock.after(SURPLUS_STREAM_MS, () => {
      this.#surplusTimer = undefined;
      const limit = this.#clock.now() - SURPLUS_STREAM_MS;
      const surplus = this.#idle.length - this.#sizes.idleStreamsMax;
      let old = 0;
      while (old < surplus && this.#idle[old]!.since <= limit) old++;
      for (const { codec } of this.#idle.splice(0, old)) codec.close();
      if (surplus > old && this.#session.isOpen) this.#watchSurplus();
    });
  }

  /** Closes the connection when it was without a call for so long. The timer runs on during calls. */
  #watchIdle(afterMs: Millis): void {
    this.#idleTimer = this.#clock.after(afterMs, () => {
      const leftMs = this.#calls > 0 ? this.#sizes.idleMs : this.#usedAt + this.#sizes.idleMs - this.#clock.now();
      if (leftMs > 0) this.#watchIdle(leftMs);
      else this.close();
    });
  }
}
