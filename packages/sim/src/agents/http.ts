import { fromUtf8, type Millis, type Stream, utf8 } from '@proconsul/base';
import type { AgentNetwork } from './network.ts';

export interface HttpAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** Why there is no answer. `refused`: nobody got the request. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
  readonly refused: boolean;
  constructor(text: string, refused: boolean) {
    super(text);
    this.refused = refused;
  }
}

const DIAL_MS: Millis = 3000;
const HEAD_END = [13, 10, 13, 10];

/** A program beside an agent that speaks HTTP/1.1 with it, one request at a time on each connection, which it keeps. */
export class HttpClient {
  readonly #network: AgentNetwork;
  readonly #address: string;
  readonly #idle: Line[] = [];

  constructor(network: AgentNetwork, address: string) {
    this.#network = network;
    this.#address = address;
  }

  /** Rejects with NoAnswer; then a change that was asked for may have happened, unless `refused`. */
  async request(method: string, target: string, body: string, timeoutMs: Millis): Promise<HttpAnswer> {
    let line = this.#idle.pop();
    while (line !== undefined && !line.isOpen) line = this.#idle.pop();
    if (line === undefined) {
      const stream = await this.#network.dialFrom(this.#address, 8500, DIAL_MS).catch((error: Error) => {
        throw new NoAnswer(error.message, true);
      });
      line = new Line(stream);
    }
    const answer = await line.ask(method, target, body, timeoutMs, this.#network.events);
    if (line.isOpen) this.#idle.push(line);
    return answer;
  }
}

/** One connection. */
class Line {
  readonly #stream: Stream;
  #bytes = new Uint8Array(0);
  #waiting: { resolve(answer: HttpAnswer): void; reject(error: Error): void } | undefined;
  isOpen = true;

  constructor(stream: Stream) {
    this.#stream = stream;
    stream.onClose(() => this.#over('the connection was closed'));
    stream.onEnd(() => {
      stream.end();
      this.#over('the connection ended');
    });
    stream.onData((bytes) => {
      this.#bytes = joined(this.#bytes, bytes);
      this.#look();
    });
  }

  ask(
    method: string,
    target: string,
    body: string,
    timeoutMs: Millis,
    clock: { after(delayMs: Millis, fn: () => void): unknown },
  ): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      const waiting = { resolve, reject };
      this.#waiting = waiting;
      clock.after(timeoutMs, () => {
        if (this.#waiting !== waiting) return;
        this.#over('no answer in time');
        this.#stream.destroy();
      });
      const bytes = utf8(body);
      const length = bytes.length > 0 || method !== 'GET' ? `Content-Length: ${bytes.length}\r\n` : '';
      this.#stream.write(joined(utf8(`${method} ${target} HTTP/1.1\r\nHost: agent\r\n${length}\r\n`), bytes));
    });
  }

  #over(why: string): void {
    this.isOpen = false;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.reject(new NoAnswer(why, false));
  }

  #look(): void {
    const end = indexOf(this.#bytes, HEAD_END);
    if (end < 0 || this.#waiting === undefined) return;
    const [first = '', ...lines] = fromUtf8(this.#bytes.subarray(0, end)).split('\r\n');
    const headers = new Map(lines.map((l) => [l.slice(0, l.indexOf(':')).toLowerCase(), l.slice(l.indexOf(':') + 2)]));
    const size = Number(headers.get('content-length') ?? 0);
    const from = end + HEAD_END.length;
    if (this.#bytes.length < from + size) return;
    const body = fromUtf8(this.#bytes.subarray(from, from + size));
    this.#bytes = this.#bytes.slice(from + size);
    const { resolve } = this.#waiting;
    this.#waiting = undefined;
    if (headers.get('connection') === 'close') {
      this.isOpen = false;
      this.#stream.end();
    }
    resolve({ status: Number(first.split(' ')[1]), headers, body });
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(a.length + b.length);
  out.set(a);
  out.set(b, a.length);
  return out;
}

function indexOf(bytes: Uint8Array, wanted: readonly number[]): number {
  for (let i = 0; i + wanted.length <= bytes.length; i++) {
    if (wanted.every((b, k) => bytes[i + k] === b)) return i;
  }
  return -1;
}
