import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { connect, isIPv6, type Socket } from 'node:net';
import { type Clock, errorText, type Log, type Millis, type Timer } from '@proconsul/base';
import type { MetricsSink, Observer } from './metrics-sink.ts';
import { dogstatsdLine, LinePacker, statsdLine } from './push-lines.ts';

/** Lines wait at most this long for company. Source: recorded times of datagrams. */
export const FLUSH_MS: Millis = 100;
/** Between attempts to look a host up or to connect, and between looks whether its address has changed. */
export const RETRY_MS: Millis = 5_000;
export const RESOLVE_MS: Millis = 60_000;
/** Bytes that wait for a slow receiver of the TCP form; beyond it lines are dropped. */
export const STATSITE_PENDING_BYTES_MAX = 1024 * 1024;

/** The part of the configuration that says where metrics go. */
export interface PushOptions {
  readonly statsdAddress: string;
  readonly statsiteAddress: string;
  readonly dogstatsdAddr: string;
  readonly dogstatsdTags: readonly string[];
  /** By key without `circonus_`. */
  readonly circonus: Readonly<Record<string, string>>;
  readonly retryFailedConnection: boolean;
}

interface Dependencies {
  readonly clock: Clock;
  readonly log: Log;
}

interface Target {
  readonly host: string;
  readonly port: number;
}

/** Reads `host:port` or `[v6]:port`; undefined for anything else. */
export function targetOf(address: string): Target | undefined {
  const parts = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(address);
  if (parts === null) return undefined;
  const port = Number(parts[3]);
  return port > 65_535 ? undefined : { host: parts[1] ?? (parts[2] || '127.0.0.1'), port };
}

/** Something that takes finished packets of lines. */
interface Carrier {
  send(packet: string): void;
  close(): void;
}

/** Sends datagrams to a host by name; looks its address up again from time to time. */
class UdpCarrier implements Carrier {
  readonly #target: Target;
  readonly #d: Dependencies;
  #address: string | undefined;
  #socket: DatagramSocket | undefined;
  #timer: Timer | undefined;
  #closed = false;

  constructor(target: Target, dependencies: Dependencies) {
    this.#target = target;
    this.#d = dependencies;
  }

  /** Resolves once the first look-up is over; rejects when it failed. Looks go on in either case. */
  async start(): Promise<void> {
    try {
      await this.#resolve();
      this.#again(RESOLVE_MS);
    } catch (error) {
      this.#again(RETRY_MS);
      throw error;
    }
  }

  #again(delayMs: Millis): void {
    if (this.#closed) return;
    this.#timer = this.#d.clock.after(delayMs, () => void this.start().catch(() => {}));
  }

  async #resolve(): Promise<void> {
    const { address } = await lookup(this.#target.host);
    if (this.#closed || address === this.#address) return;
    this.#socket?.close();
    this.#address = address;
    this.#socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
    this.#socket.unref();
    // Nobody listening shows as an error of the next packet: metrics are sent whether somebody hears or not.
    this.#socket.on('error', () => {});
  }

  send(packet: string): void {
    this.#socket?.send(packet, this.#target.port, this.#address, () => {});
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#socket?.close();
  }
}

/** Writes to one TCP connection, and makes a new one when it breaks. What comes in between is dropped. */
class TcpCarrier implements Carrier {
  readonly #target: Target;
  readonly #d: Dependencies;
  #socket: Socket | undefined;
  #timer: Timer | undefined;
  #closed = false;
  #complained = false;

  constructor(target: Target, dependencies: Dependencies) {
    this.#target = target;
    this.#d = dependencies;
    this.#connect();
  }

  #connect(): void {
    const socket = connect(this.#target);
    socket.unref();
    socket.on('connect', () => {
      this.#complained = false;
    });
    socket.on('error', (error) => {
      if (!this.#complained) this.#d.log.warn('Failed to reach statsite', { error: errorText(error) });
      this.#complained = true;
    });
    // Statsite never answers; what it should send is thrown away so that its end of the stream is noticed.
    socket.resume();
    socket.on('close', () => {
      this.#socket = undefined;
      if (!this.#closed) this.#timer = this.#d.clock.after(RETRY_MS, () => this.#connect());
    });
    this.#socket = socket;
  }

  send(packet: string): void {
    if (this.#socket === undefined || this.#socket.writableLength > STATSITE_PENDING_BYTES_MAX) return;
    this.#socket.write(packet);
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#socket?.end();
  }
}

type Liner = (...observation: Parameters<Observer>) => string;

/** Feeds a carrier with lines and empties its packer in a steady rhythm. */
function pump(metrics: MetricsSink, carrier: Carrier, liner: Liner, clock: Clock): () => void {
  const packer = new LinePacker((packet) => carrier.send(packet));
  let timer: Timer | undefined;
  const forget = metrics.observe((...observation) => {
    if (!Number.isFinite(observation[2])) return;
    packer.add(liner(...observation));
    timer ??= clock.after(FLUSH_MS, () => {
      timer = undefined;
      packer.flush();
    });
  });
  return () => {
    forget();
    timer?.cancel();
    packer.flush();
    carrier.close();
  };
}

/** Only the DogStatsD sink looks its host up before the agent runs, so only it can keep the agent from starting. */
async function startDogstatsd(carrier: UdpCarrier, host: string, options: PushOptions, log: Log): Promise<void> {
  try {
    await carrier.start();
  } catch {
    const text = `1 error occurred:\n\t* lookup ${host}: no such host\n\n`;
    if (!options.retryFailedConnection) {
      carrier.close();
      throw new Error(`failed to initialize telemetry: ${text}`);
    }
    log.warn('failed to initialize telemetry; will retry', { error: text.trimEnd() });
  }
}

/**
 * Sends every observation to the sinks that the configuration names: statsd and DogStatsD by UDP, statsite by TCP.
 * Circonus is not spoken; a configuration for it gets a warning. Rejects when the host of DogStatsD is unknown and
 * `retryFailedConnection` is false. The returned function flushes and closes them all.
 * Source: telemetry documentation; lines and behaviour recorded.
 */
export async function startPushSinks(
  options: PushOptions,
  metrics: MetricsSink,
  dependencies: Dependencies,
): Promise<() => void> {
  const { clock, log } = dependencies;
  const stops: (() => void)[] = [];
  const wanted = (address: string, key: string): Target | undefined => {
    if (address === '') return undefined;
    const target = targetOf(address);
    if (target === undefined) log.warn('Address of a metrics sink is not of the form host:port', { key, address });
    return target;
  };
  const statsd = wanted(options.statsdAddress, 'statsd_address');
  if (statsd !== undefined) {
    const carrier = new UdpCarrier(statsd, dependencies);
    stops.push(pump(metrics, carrier, statsdLine, clock));
    void carrier.start().catch(() => log.warn('Failed to look up statsd; will retry', { host: statsd.host }));
  }
  const statsite = wanted(options.statsiteAddress, 'statsite_address');
  if (statsite !== undefined) stops.push(pump(metrics, new TcpCarrier(statsite, dependencies), statsdLine, clock));
  const dogstatsd = wanted(options.dogstatsdAddr, 'dogstatsd_addr');
  if (dogstatsd !== undefined) {
    const carrier = new UdpCarrier(dogstatsd, dependencies);
    const liner: Liner = (kind, _name, value, labels, bareName) =>
      dogstatsdLine(kind, bareName, value, labels, options.dogstatsdTags);
    stops.push(pump(metrics, carrier, liner, clock));
    try {
      await startDogstatsd(carrier, dogstatsd.host, options, log);
    } catch (error) {
      for (const stop of stops) stop();
      throw error;
    }
  }
  if ((options.circonus['api_token'] ?? '') !== '' || (options.circonus['submission_url'] ?? '') !== '') {
    log.warn('The Circonus metrics sink is not supported and will be ignored');
  }
  return () => {
    for (const stop of stops) stop();
  };
}
