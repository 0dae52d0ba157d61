import { Rcode, type ResourceRecord } from '@proconsul/dns-wire';
import type { Read, View } from './source.ts';

/** An answer record with what belongs to it in the additional section: they stay and go together. */
export interface Unit {
  readonly answer: ResourceRecord;
  readonly extras: readonly ResourceRecord[];
  /** The one of `extras` that stays when space is short: an address of what the answer leads to. */
  readonly glue: ResourceRecord | undefined;
}

/** The content of a reply before anything is said about sizes, order and encoding. */
export interface Answer {
  readonly rcode: number;
  readonly authoritative: boolean;
  readonly units: readonly Unit[];
  /** A new order in every reply; false keeps the order. */
  readonly shuffle: boolean;
  /** At most so many units in one reply, whatever the transport. */
  readonly unitsMax: number;
  /** The limits on the number of answers apply. */
  readonly counted: boolean;
  readonly authority: readonly ResourceRecord[];
  /** Additional records that belong to no answer. */
  readonly additional: readonly ResourceRecord[];
  /** The scope of the client subnet: `source` when the answer is for that network only. */
  readonly scope: 'global' | 'source';
  /** What the answer was made from. */
  readonly reads: Reads;
  /** The answer may be given again while all views are valid (for a second when it holds a serial). */
  readonly reusable: boolean;
  readonly timed: boolean;
}

export interface AnswerParts extends Partial<Omit<Answer, 'reads'>> {
  readonly reads: Reads;
}

export function makeAnswer(parts: AnswerParts): Answer {
  return {
    rcode: Rcode.NOERROR,
    authoritative: true,
    units: [],
    shuffle: false,
    unitsMax: Number.POSITIVE_INFINITY,
    counted: true,
    authority: [],
    additional: [],
    scope: 'global',
    reusable: true,
    timed: false,
    ...parts,
  };
}

/** Remembers the views that an answer was made from. */
export class Reads {
  readonly views: View<unknown>[] = [];

  async take<T>(read: Read<T>): Promise<View<T>> {
    const view = await read;
    this.views.push(view);
    return view;
  }

  get valid(): boolean {
    for (const view of this.views) if (!view.valid) return false;
    return true;
  }

  get stale(): boolean {
    return this.views.some((view) => view.stale === true);
  }
}
