import { fromBase64 } from './base64.ts';
import type { Http } from './http.ts';
import type { Uint64 } from './json.ts';
import { type Answer, escapePath, type Params, type ReadOptions, type RequestOptions } from './query.ts';
import type { KVPair } from './types.ts';

/** How the agent sends an entry: the value in base64, null when empty. */
export type RawKVPair = Omit<KVPair, 'Value'> & { Value: string | null };

/** Conditions and extras of a write. At most one of cas, acquire and release. */
export interface PutOptions extends RequestOptions {
  readonly flags?: Uint64 | undefined;
  /** Write only if the key's ModifyIndex is this one; 0 means only if the key does not exist. */
  readonly cas?: Uint64 | undefined;
  /** Take the key's lock for this session, and write. */
  readonly acquire?: string | undefined;
  /** Write, and release the lock that this session holds. */
  readonly release?: string | undefined;
}

/** The key-value store. Source: HTTP API documentation, KV store. */
export class KV {
  readonly #http: Http;
  constructor(http: Http) {
    this.#http = http;
  }

  /** One key, or undefined when it does not exist. */
  async get(key: string, options: ReadOptions = {}): Promise<Answer<KVPair | undefined>> {
    const answer = await this.#http.read<RawKVPair[]>(pathOf(key), options, {}, { value: [] });
    const [raw] = answer.value;
    return { value: raw && decodePair(raw), meta: answer.meta };
  }

  /** Every key that begins with `prefix`, in the order of bytes. */
  async list(prefix: string, options: ReadOptions = {}): Promise<Answer<KVPair[]>> {
    const answer = await this.#http.read<RawKVPair[]>(pathOf(prefix), options, { recurse: true }, { value: [] });
    return { value: answer.value.map(decodePair), meta: answer.meta };
  }

  /** Names of keys under `prefix`, each cut after the first `separator` past the prefix. */
  keys(prefix: string, separator = '', options: ReadOptions = {}): Promise<Answer<string[]>> {
    return this.#http.read<string[]>(pathOf(prefix), options, { keys: true, separator }, { value: [] });
  }

  /** Stores a value. False when the condition of cas, acquire or release did not hold. */
  put(key: string, value: Uint8Array | string, options: PutOptions = {}): Promise<boolean> {
    const { flags, cas, acquire, release } = options;
    // Flags of 0 are what the agent stores when nothing is said.
    const params: Params = { flags: flags ? flags : undefined, cas, acquire, release };
    return this.#http.write('PUT', pathOf(key), value, options, params);
  }

  /** Deletes one key. False when `cas` is given and is not the key's ModifyIndex. */
  delete(key: string, options: RequestOptions & { readonly cas?: Uint64 | undefined } = {}): Promise<boolean> {
    return this.#http.write('DELETE', pathOf(key), undefined, options, { cas: options.cas });
  }

  /** Deletes every key that begins with `prefix`; with the empty prefix, all of them. */
  deleteTree(prefix: string, options: RequestOptions = {}): Promise<boolean> {
    return this.#http.write('DELETE', pathOf(prefix), undefined, options, { recurse: true });
  }
}

const pathOf = (key: string): string => `/v1/kv/${escapePath(key.replace(/^\//, ''))}`;

/** Turns an entry of the wire into one with bytes. */
export function decodePair(raw: RawKVPair): KVPair {
  return { ...raw, Value: fromBase64(raw.Value) };
}
