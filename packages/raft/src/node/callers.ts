import type { RaftResponse } from '../core/messages.ts';
import { RaftError, type RaftErrorCode } from '../errors.ts';
import type { SnapshotState } from './transport.ts';

/** Somebody here who has asked the core for something. */
export interface Asker {
  resolve(): void;
  reject(error: Error): void;
}

/** A request of another server. */
export interface IncomingRequest {
  respond(response: RaftResponse): void;
  readonly state: SnapshotState | undefined;
}

/** Who waits for a word of the core, by the token under which it knows them. */
export class Callers {
  #next = 1;
  readonly #askers = new Map<number, Asker>();
  readonly #requests = new Map<number, IncomingRequest>();

  /** Returns the token. */
  ask(asker: Asker): number {
    const token = this.#next++;
    this.#askers.set(token, asker);
    return token;
  }

  /** Ends the wait of who asked, if it is still on: the caller tells it what came of it. */
  take(token: number): Asker | undefined {
    const asker = this.#askers.get(token);
    this.#askers.delete(token);
    return asker;
  }

  /** Returns the token. */
  request(request: IncomingRequest): number {
    const token = this.#next++;
    this.#requests.set(token, request);
    return token;
  }

  respond(token: number, response: RaftResponse): void {
    this.#requests.get(token)?.respond(response);
    this.#requests.delete(token);
  }

  /** The request is left without an answer. */
  forget(token: number): void {
    this.#requests.delete(token);
  }

  /** The snapshot that comes with a request. */
  stateOf(token: number): SnapshotState | undefined {
    return this.#requests.get(token)?.state;
  }

  rejectAskers(code: RaftErrorCode): void {
    for (const { reject } of this.#askers.values()) reject(new RaftError(code));
    this.#askers.clear();
  }
}
