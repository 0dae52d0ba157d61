import type { Clock, Timer } from '@proconsul/base';
import type { View } from '@proconsul/endpoints';

/** An answer with what it was made from. `D` is the store's handle for a part of the state. */
export interface Answer<T, D> {
  readonly index: number;
  readonly value: T;
  readonly deps: readonly D[];
  /** For an answer that stays the same while its index goes on: the index of this moment. */
  readonly liveIndex?: () => number;
  /** For an answer that tells a lower index than it has: the one that waiters are held to and told. */
  readonly waitIndex?: number;
}

/** The part of the store that views need. */
export interface Watchable<D> {
  /** Calls `fn` once, after a commit has touched any of `deps`. The returned function forgets it. */
  watch(deps: readonly D[], fn: () => void): () => void;
}

/** Views kept although nobody waits on them, so that the next reader finds them made. */
export const VIEWS_MAX = 16_384;

interface Waiter<T> {
  readonly minIndex: number;
  readonly done: WaitDone<T>;
  timer: Timer | null;
}

/** Exactly one of both is given. */
export type WaitDone<T> = (error: Error | null, view: View<T> | null) => void;

/**
 * A question that was asked, its current answer, and who waits for the next one. The answers are replaced, the live
 * question stays as long as somebody waits on it.
 */
class Question<T, D> {
  readonly key: string;
  readonly ask: () => Answer<T, D>;
  current: CurrentView<T> | null = null;
  /** Asked again since the last sweep: a second chance when room is needed. */
  used = true;
  readonly waiters = new Set<Waiter<T>>();
  unwatch: (() => void) | null = null;
  constructor(key: string, ask: () => Answer<T, D>) {
    this.key = key;
    this.ask = ask;
  }
}

class CurrentView<T> implements View<T> {
  readonly #index: number;
  readonly #liveIndex: (() => number) | undefined;
  readonly value: T;
  valid = true;
  /** The same answer as waiters get it. */
  readonly waited: View<T>;
  #memo: Map<unknown, unknown> | null = null;
  constructor(answer: Answer<T, unknown>) {
    this.#index = Math.max(1, answer.index);
    this.#liveIndex = answer.liveIndex;
    this.value = answer.value;
    this.waited = answer.waitIndex === undefined ? this : waitedView(this, answer.waitIndex);
  }
  get index(): number {
    return this.#liveIndex === undefined ? this.#index : Math.max(1, this.#liveIndex());
  }
  get memo(): Map<unknown, unknown> {
    this.#memo ??= new Map();
    return this.#memo;
  }
}

function waitedView<T>(view: CurrentView<T>, index: number): View<T> {
  return {
    index,
    value: view.value,
    memo: view.memo,
    get valid() {
      return view.valid;
    },
  };
}

/**
 * All questions about the state that are being asked. A commit makes exactly the answers invalid that it touched; a
 * question with waiters is answered again once, whatever their number, and the same view goes to all of them.
 */
export class Views<D> {
  readonly #store: Watchable<D>;
  readonly #clock: Clock;
  readonly #questions = new Map<string, Question<unknown, D>>();
  #waiting = 0;

  constructor(store: Watchable<D>, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Readers that wait at this moment. */
  get waiting(): number {
    return this.#waiting;
  }

  get size(): number {
    return this.#questions.size;
  }

  /** The current answer. `key` names the question: equal keys must come with equivalent `ask` functions. */
  get<T>(key: string, ask: () => Answer<T, D>): View<T> {
    return this.#answer(this.#question(key, ask));
  }

  /**
   * Calls `done` with the first answer whose index is greater than `minIndex`, at once if there is one already; after
   * `waitMs` with the answer of then, whose index is not less than `minIndex` unless the state's is. The returned function cancels.
   */
  wait<T>(key: string, ask: () => Answer<T, D>, minIndex: number, waitMs: number, done: WaitDone<T>): () => void {
    const question = this.#question(key, ask);
    const view = this.#answer(question).waited;
    if (view.index > minIndex) {
      done(null, view);
      return () => {};
    }
    const waiter: Waiter<T> = { minIndex, done, timer: null };
    const leave = () => {
      if (!question.waiters.delete(waiter)) return false;
      this.#waiting--;
      waiter.timer?.cancel();
      return true;
    };
    waiter.timer = this.#clock.after(waitMs, () => {
      if (!leave()) return;
      this.#renewBefore(question, minIndex);
      this.#deliver(question, done);
    });
    question.waiters.add(waiter);
    this.#waiting++;
    return leave;
  }

  /** Makes every answer invalid and answers every waiter that now may go: after a restore of the whole state. */
  refresh(): void {
    for (const question of [...this.#questions.values()]) this.#touched(question, true);
  }

  #question<T>(key: string, ask: () => Answer<T, D>): Question<T, D> {
    const known = this.#questions.get(key);
    if (known !== undefined) {
      known.used = true;
      return known as unknown as Question<T, D>;
    }
    const question = new Question(key, ask);
    if (this.#questions.size >= VIEWS_MAX) this.#makeRoom();
    this.#questions.set(key, question as unknown as Question<unknown, D>);
    return question;
  }

  #answer<T>(question: Question<T, D>): CurrentView<T> {
    if (question.current?.valid) return question.current;
    const answer = question.ask();
    const view = new CurrentView(answer);
    question.current = view;
    question.unwatch = this.#store.watch(answer.deps, () => {
      question.unwatch = null;
      this.#touched(question as unknown as Question<unknown, D>);
    });
    return view;
  }

  /**
   * An answer keeps the index at which it was made while commits move the index of its tables and not the answer. Another server may
   * have made it later and told its readers so, and nobody is to see an index go back: such an answer is made again.
   */
  #renewBefore<T>(question: Question<T, D>, index: number): void {
    const { current } = question;
    if (current === null || current.waited.index >= index) return;
    question.unwatch?.();
    question.unwatch = null;
    current.valid = false;
    question.current = null;
  }

  #deliver<T>(question: Question<T, D>, done: WaitDone<T>): void {
    let view: View<T>;
    try {
      view = this.#answer(question).waited;
    } catch (error) {
      done(error as Error, null);
      return;
    }
    done(null, view);
  }

  /** `everybody`: also those whose index is not passed, since after a restore indexes may have gone back. */
  #touched(question: Question<unknown, D>, everybody = false): void {
    question.unwatch?.();
    question.unwatch = null;
    if (question.current !== null) question.current.valid = false;
    question.current = null;
    if (question.waiters.size === 0) {
      // Nobody waits: the next reader will ask again. Keeping an unanswered question would only take room.
      if (this.#questions.get(question.key) === question) this.#questions.delete(question.key);
      return;
    }
    let index = Number.POSITIVE_INFINITY;
    try {
      index = this.#answer(question).waited.index;
    } catch {
      // The new state has no answer (a filter that cannot be applied to it): every waiter is told so below.
    }
    for (const waiter of [...question.waiters]) {
      if (!everybody && index <= waiter.minIndex) continue;
      if (!question.waiters.delete(waiter)) continue;
      this.#waiting--;
      waiter.timer?.cancel();
      this.#deliver(question, waiter.done);
    }
  }

  /** Drops the questions that nobody waits on and nobody asked since the last sweep; failing that, the oldest ones. */
  #makeRoom(): void {
    const goal = VIEWS_MAX - VIEWS_MAX / 8;
    for (const pass of ['unused', 'any'] as const) {
      for (const [key, question] of this.#questions) {
        if (this.#questions.size <= goal) return;
        if (question.waiters.size > 0) continue;
        if (pass === 'unused' && question.used) {
          question.used = false;
          continue;
        }
        question.unwatch?.();
        if (question.current !== null) question.current.valid = false;
        this.#questions.delete(key);
      }
    }
  }
}
