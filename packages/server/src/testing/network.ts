import type { Rng } from '@proconsul/base';
import type { RaftResponse, RequestHandler, Transport } from '@proconsul/raft';
import type { EventQueue } from '@proconsul/sim';

/** A message takes this long, and a request without an answer is given up after that. */
const DELAY_MS = 1;
const ANSWER_WITHIN_MS = 1000;

const NOT_CONNECTED = 'rpc error getting client: failed to get conn: dial tcp: connection refused';

/** The network between the servers of one cluster, which can be cut, and the scheduler of each, which can stop it. */
export class TestNetwork {
  readonly #events: EventQueue;
  readonly #rng: Rng;
  readonly #isUp: (id: string) => boolean;
  readonly #handlers = new Map<string, RequestHandler>();
  readonly #cut = new Set<string>();
  readonly #paused = new Map<string, (() => void)[]>();

  constructor(events: EventQueue, rng: Rng, isUp: (id: string) => boolean) {
    this.#events = events;
    this.#rng = rng;
    this.#isUp = isUp;
  }

  /** The process is dead: nobody is there any more. */
  forget(id: string): void {
    this.#paused.delete(id);
    this.#handlers.delete(id);
  }

  /** SIGSTOP: timers and messages wait until it goes on. What its disk was doing is done. */
  pause(id: string): void {
    if (!this.#paused.has(id)) this.#paused.set(id, []);
  }

  /** SIGCONT. */
  resume(id: string): void {
    const waiting = this.#paused.get(id) ?? [];
    this.#paused.delete(id);
    for (const run of waiting) run();
  }

  isPaused(id: string): boolean {
    return this.#paused.has(id);
  }

  /** Now, or when it goes on. */
  whenRunning(id: string, run: () => void): void {
    const waiting = this.#paused.get(id);
    if (waiting === undefined) run();
    else waiting.push(run);
  }

  /** Nothing passes between `id` and anybody else. */
  isolate(id: string): void {
    this.#cut.add(id);
  }

  heal(): void {
    this.#cut.clear();
  }

  isConnected(from: string, to: string): boolean {
    return this.#isUp(to) && !this.#cut.has(from) && !this.#cut.has(to);
  }

  /** Resolves when a message has come from one to the other. */
  travel(from: string, to: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#events.after(DELAY_MS, () => {
        if (this.isConnected(from, to)) this.whenRunning(to, resolve);
        else reject(new Error(NOT_CONNECTED));
      });
    });
  }

  transport(from: string, isAlive: () => boolean): Transport {
    return {
      onRequest: (handler) => {
        if (handler) this.#handlers.set(from, handler);
        else this.#handlers.delete(from);
      },
      send: (to, request, state) =>
        new Promise<RaftResponse>((resolve, reject) => {
          const pass = (a: string, b: string, deliver: () => void) =>
            this.#events.after(DELAY_MS + this.#rng.float(), () => {
              if (!this.#cut.has(a) && !this.#cut.has(b)) this.whenRunning(b, deliver);
            });
          this.#events.after(ANSWER_WITHIN_MS, () => isAlive() && reject(new Error('no answer')));
          pass(from, to.id, () => {
            this.#handlers.get(to.id)?.(
              request,
              (response) => pass(to.id, from, () => isAlive() && resolve(response)),
              state,
            );
          });
        }),
    };
  }
}
