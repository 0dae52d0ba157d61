import type { Labels } from '@proconsul/base';
import type { MetricKind } from './metrics-sink.ts';
import { plainNumberText } from './number-text.ts';

const LETTERS: Readonly<Record<MetricKind, string>> = { gauge: 'g', counter: 'c', sample: 'ms' };

/** `:` and spaces would end a name. */
const nameText = (name: string): string => name.replace(/[: ]/g, '_');

/** `consul.memberlist.gossip.lan:0.008993|ms`: the values of labels become parts of the name. Source: recorded lines. */
export function statsdLine(kind: MetricKind, name: string, value: number, labels: Labels): string {
  let full = name;
  for (const key of Object.keys(labels)) full += `.${labels[key]}`;
  return `${nameText(full)}:${value.toFixed(6)}|${LETTERS[kind]}`;
}

/**
 * `consul.api.http:0.17|ms|#env:prod,method:GET`: the tags of the configuration first, then labels.
 * Source: recorded lines; the DogStatsD page of the documentation of Datadog.
 */
export function dogstatsdLine(
  kind: MetricKind,
  name: string,
  value: number,
  labels: Labels,
  tags: readonly string[],
): string {
  const all = [...tags, ...Object.keys(labels).map((key) => `${key}:${labels[key]}`)];
  const suffix = all.length === 0 ? '' : `|#${all.join(',')}`;
  return `${nameText(name)}:${plainNumberText(value)}|${LETTERS[kind]}${suffix}`;
}

/** Longest datagram: what an Ethernet frame carries, with room for headers. */
export const DATAGRAM_BYTES_MAX = 1400;

/** Puts lines together until a datagram is full. A line that is longer than a datagram goes alone. */
export class LinePacker {
  #pending = '';
  #pendingBytes = 0;
  readonly #send: (packet: string) => void;

  constructor(send: (packet: string) => void) {
    this.#send = send;
  }

  add(line: string): void {
    const bytes = Buffer.byteLength(line) + 1;
    if (this.#pendingBytes + bytes > DATAGRAM_BYTES_MAX) this.flush();
    this.#pending += `${line}\n`;
    this.#pendingBytes += bytes;
  }

  flush(): void {
    if (this.#pendingBytes === 0) return;
    const packet = this.#pending;
    this.#pending = '';
    this.#pendingBytes = 0;
    this.#send(packet);
  }
}
