import { errorText, firstBadBase64 } from '@proconsul/base';
import { fromBase64 } from './base64.ts';
import { SerfError } from './errors.ts';
import { decodeKeyResponse, encodeKeyRequest, InternalQuery } from './key-messages.ts';
import { MessageType } from './messages.ts';
import type { KeyOperationResult, QueryOptions } from './pool.ts';

export interface KeyManagerDependencies {
  ask(name: string, payload: Uint8Array, options: QueryOptions): Promise<void>;
  /** Members that ought to answer. */
  aliveCount(): number;
}

/** Changes and lists the keys of every member, one operation at a time. */
export class KeyManager {
  readonly #d: KeyManagerDependencies;
  #last: Promise<unknown> = Promise.resolve();

  constructor(dependencies: KeyManagerDependencies) {
    this.#d = dependencies;
  }

  /** Keys are base64. Rejects with SerfError BAD_KEY. */
  install(key: string, relayFactor: number): Promise<KeyOperationResult> {
    return this.#run(InternalQuery.installKey, key, relayFactor);
  }

  use(key: string, relayFactor: number): Promise<KeyOperationResult> {
    return this.#run(InternalQuery.useKey, key, relayFactor);
  }

  remove(key: string, relayFactor: number): Promise<KeyOperationResult> {
    return this.#run(InternalQuery.removeKey, key, relayFactor);
  }

  list(relayFactor: number): Promise<KeyOperationResult> {
    return this.#run(InternalQuery.listKeys, '', relayFactor);
  }

  async #run(query: string, key: string, relayFactor: number): Promise<KeyOperationResult> {
    const bytes = fromBase64(key);
    if (bytes === undefined) throw new SerfError('BAD_KEY', `illegal base64 data at input byte ${firstBadBase64(key)}`);
    const turn = this.#last.then(() => this.#ask(query, bytes, relayFactor));
    this.#last = turn.catch(() => {});
    return turn;
  }

  async #ask(query: string, key: Uint8Array, relayFactor: number): Promise<KeyOperationResult> {
    const tally = new KeyTally();
    const nodes = this.#d.aliveCount();
    const onResponse = (from: string, payload: Uint8Array) => tally.add(from, payload);
    await this.#d.ask(query, encodeKeyRequest(key), { relayFactor, onResponse });
    return { nodes, ...tally.result() };
  }
}

/** Counts answers. */
class KeyTally {
  #responses = 0;
  #failures = 0;
  readonly #messages: Record<string, string> = Object.create(null);
  readonly #keys: Record<string, number> = Object.create(null);
  readonly #primaryKeys: Record<string, number> = Object.create(null);

  add(from: string, payload: Uint8Array): void {
    this.#responses++;
    if (payload[0] !== MessageType.keyResponse) {
      this.#fail(from, `Invalid key query response type: ${payload[0]}`);
      return;
    }
    try {
      const answer = decodeKeyResponse(payload);
      if (!answer.Result) this.#fail(from, answer.Message);
      else {
        if (answer.Message !== '') this.#messages[from] = answer.Message;
        for (const key of answer.Keys ?? []) this.#keys[key] = (this.#keys[key] ?? 0) + 1;
        const primary = answer.PrimaryKey;
        if (primary !== '') this.#primaryKeys[primary] = (this.#primaryKeys[primary] ?? 0) + 1;
      }
    } catch (error) {
      this.#fail(from, `Failed to decode key query response: ${errorText(error)}`);
    }
  }

  #fail(from: string, text: string): void {
    this.#failures++;
    this.#messages[from] = text;
  }

  result(): Omit<KeyOperationResult, 'nodes'> {
    return {
      responses: this.#responses,
      failures: this.#failures,
      messages: this.#messages,
      keys: this.#keys,
      primaryKeys: this.#primaryKeys,
    };
  }
}
