import type { Clock, Millis } from '@proconsul/base';

export type IntentKind = 'join' | 'leave';

interface Intent {
  readonly kind: IntentKind;
  readonly time: number;
  readonly at: Millis;
}

/** Intents about members not known yet that are kept at one time; the oldest goes first. */
export const RECENT_INTENTS_MAX = 16_384;

/** Intents that came before the member they speak of: news travels by two roads. */
export class RecentIntents {
  readonly #clock: Clock;
  readonly #keepMs: Millis;
  readonly #intents = new Map<string, Intent>();

  constructor(clock: Clock, keepMs: Millis) {
    this.#clock = clock;
    this.#keepMs = keepMs;
  }

  get size(): number {
    return this.#intents.size;
  }

  /** True when this is news. */
  add(name: string, kind: IntentKind, time: number): boolean {
    const known = this.#intents.get(name);
    if (known !== undefined && time <= known.time) return false;
    this.#intents.delete(name); // So that the order of the map is that of age.
    if (this.#intents.size >= RECENT_INTENTS_MAX) this.#intents.delete(this.#intents.keys().next().value as string);
    this.#intents.set(name, { kind, time, at: this.#clock.now() });
    return true;
  }

  /** The last intent about the member, which is forgotten. */
  take(name: string): { readonly kind: IntentKind; readonly time: number } | undefined {
    const intent = this.#intents.get(name);
    this.#intents.delete(name);
    return intent;
  }

  /** Forgets what is older than the time to keep. */
  expire(): void {
    const before = this.#clock.now() - this.#keepMs;
    for (const [name, intent] of this.#intents) {
      if (intent.at > before) return;
      this.#intents.delete(name);
    }
  }
}
