import { type Millis, type Rng, shuffle } from '@proconsul/base';
import { type GossipNode, NodeState } from './delegate.ts';
import type { Suspicion } from './suspicion.ts';

/** A member with what only we know of it. */
export interface Member {
  node: GossipNode;
  /** When its state changed last. */
  changedAt: Millis;
  suspicion: Suspicion | undefined;
}

export const isLive = (node: GossipNode): boolean => node.state === NodeState.alive || node.state === NodeState.suspect;

/** All members by name, and the order in which they are probed. */
export class Members {
  readonly #rng: Rng;
  readonly #byName = new Map<string, Member>();
  readonly #ring: Member[] = [];
  #position = 0;
  #live = 0;

  constructor(rng: Rng) {
    this.#rng = rng;
  }

  get size(): number {
    return this.#ring.length;
  }

  /** Members that are alive or suspect. */
  get live(): number {
    return this.#live;
  }

  get(name: string): Member | undefined {
    return this.#byName.get(name);
  }

  all(): readonly Member[] {
    return this.#ring;
  }

  /** A new member goes to a random place, so that it is probed as soon by everybody as any other. Source: SWIM, section 4.3. */
  add(member: Member): void {
    this.#byName.set(member.node.name, member);
    const ring = this.#ring;
    ring.push(member);
    const at = this.#rng.int(ring.length);
    ring[ring.length - 1] = ring[at]!;
    ring[at] = member;
    if (isLive(member.node)) this.#live++;
  }

  set(member: Member, node: GossipNode, now: Millis): void {
    const before = member.node;
    member.node = node;
    if (before.state !== node.state) member.changedAt = now;
    this.#live += Number(isLive(node)) - Number(isLive(before));
  }

  remove(names: ReadonlySet<string>): void {
    if (names.size === 0) return;
    let kept = 0;
    for (const member of this.#ring) {
      if (!names.has(member.node.name)) this.#ring[kept++] = member;
      else {
        member.suspicion?.cancel();
        this.#byName.delete(member.node.name);
        if (isLive(member.node)) this.#live--;
      }
    }
    this.#ring.length = kept;
    this.#position = 0;
  }

  /** The next member of the round that `wanted` takes; undefined when none of a whole round does. `onWrap` comes after each round. */
  next(wanted: (member: Member) => boolean, onWrap: () => void): Member | undefined {
    for (let checked = 0; checked < this.#ring.length; checked++) {
      if (this.#position >= this.#ring.length) {
        onWrap();
        shuffle(this.#rng, this.#ring);
        this.#position = 0;
      }
      const member = this.#ring[this.#position++];
      if (member !== undefined && wanted(member)) return member;
    }
    return undefined;
  }

  /** Up to `count` different members that `wanted` takes. Random tries, so in a large pool it may find fewer. */
  sample(count: number, wanted: (member: Member) => boolean): Member[] {
    const ring = this.#ring;
    const found: Member[] = [];
    if (ring.length <= 3 * count) {
      return shuffle(this.#rng, ring.filter(wanted)).slice(0, count);
    }
    for (let tries = 0; tries < 3 * ring.length && found.length < count; tries++) {
      const member = ring[this.#rng.int(ring.length)]!;
      if (wanted(member) && !found.includes(member)) found.push(member);
    }
    return found;
  }
}
