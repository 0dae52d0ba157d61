import {
  type DialOptions,
  type Endpoint,
  type Listener,
  type ListenOptions,
  NetworkError,
  type Stream,
} from '@proconsul/base';
import { type PipeEnd, type PipeOptions, pipe } from '@proconsul/yamux/testing';

/** Connections in memory between whoever listens and whoever dials. */
export class PipeNetwork {
  readonly #listeners = new Map<string, (stream: Stream) => void>();
  readonly #options: PipeOptions;
  #nextPort = 40_000;
  /** Ends of the diallers, in order. */
  readonly dialled: PipeEnd[] = [];
  /** Address that diallers seem to come from. */
  from = '10.0.0.1';

  constructor(options: PipeOptions = {}) {
    this.#options = options;
  }

  async listen(options: ListenOptions, onConnection: (stream: Stream) => void): Promise<Listener> {
    const key = keyOf(options);
    this.#listeners.set(key, onConnection);
    return {
      local: { host: options.host, port: options.port },
      close: async () => {
        this.#listeners.delete(key);
      },
    };
  }

  async dial(options: Pick<DialOptions, 'host' | 'port' | 'localHost'>): Promise<PipeEnd> {
    const accept = this.#listeners.get(keyOf(options));
    if (accept === undefined) {
      const from = options.localHost === undefined ? '' : `${options.localHost}:0->`;
      const text = `dial tcp ${from}${options.host}:${options.port}: connect: connection refused`;
      throw new NetworkError('ECONNREFUSED', text);
    }
    const [a, b] = pipe({ ...this.#options, a: { host: this.from, port: this.#nextPort++ }, b: options });
    this.dialled.push(a);
    accept(b);
    return a;
  }
}

const keyOf = ({ host, port }: Endpoint): string => `${host}:${port}`;
