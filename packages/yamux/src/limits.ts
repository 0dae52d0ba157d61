import type { Millis } from '@proconsul/base';

/** Bytes that a side may send on a stream before it hears of consumption. The protocol fixes the first window. */
export const WINDOW_BYTES = 256 * 1024;

/** Consumption is reported when it has reached half of a window. */
export const WINDOW_UPDATE_BYTES = WINDOW_BYTES / 2;

/** Longest data frame that we send, so that streams of one session take turns. */
export const FRAME_BYTES_MAX = 64 * 1024;

/** A write answers false while more than this waits on its stream. */
export const HIGH_WATER_BYTES = 4 * 1024;

/** Streams that the other side has opened and nobody has taken yet. Beyond it they are reset. */
export const ACCEPT_BACKLOG = 256;

/** Streams that we have opened and the other side has not acknowledged; further ones wait their turn. */
export const UNACKNOWLEDGED_STREAMS_MAX = 256;

/** Streams that wait for such a turn. Beyond it `open` fails. */
export const WAITING_OPENS_MAX = 4_096;

/** Streams that the other side may have open at a time. Beyond it they are reset. */
export const STREAMS_MAX = 16_384;

/** Bytes received for all streams of a session that nobody has consumed. A peer that goes over it is cut. */
export const SESSION_BUFFER_BYTES = 16 * 1024 * 1024;

/** Answers and credits that wait because the other side does not read. A peer that goes over it is cut. */
export const CONTROL_BACKLOG_BYTES = 1024 * 1024;

export interface YamuxTimes {
  /** Pause between pings. */
  readonly keepAliveMs: Millis;
  /** Longest wait for the answer to a ping. */
  readonly pingTimeoutMs: Millis;
  /** Longest wait until an opened stream is acknowledged; then the session ends. */
  readonly openTimeoutMs: Millis;
  /** Longest time that a stream may be half closed by us; then it is reset. */
  readonly closeTimeoutMs: Millis;
  /** Time that a closed session leaves for its last bytes. */
  readonly lingerMs: Millis;
}

/** Source: times of the reference agent. The linger is ours. */
export const YAMUX_TIMES: YamuxTimes = {
  keepAliveMs: 30_000,
  pingTimeoutMs: 10_000,
  openTimeoutMs: 75_000,
  closeTimeoutMs: 300_000,
  lingerMs: 1_000,
};

/** Streams that the other side may open in one turn of the event loop; what follows them waits for the next. */
export const OPENS_AT_ONCE_MAX = 1_024;
