import { mulberry32 } from '../e2e/random.ts';
import type { Kind } from './kind.ts';
import { shuffled } from './shuffled.ts';

/** One kind of fault with one seed. */
export interface Episode {
  readonly kind: Kind;
  readonly seed: number;
}

export interface OrderOptions {
  readonly kinds: readonly Kind[];
  readonly seeds: readonly number[];
  /** So many at most share one cluster. */
  readonly together: number;
  /** Kinds come in the order given; otherwise in one that the seed chooses, those that need disks apart from the others. */
  readonly isOrdered: boolean;
}

/** Which episodes come one after the other on one cluster: all of the first seed before those of the next. */
export function order({ kinds, seeds, together, isOrdered }: OrderOptions): Episode[][] {
  if (isOrdered)
    return chunks(
      seeds.flatMap((seed) => kinds.map((kind) => ({ kind, seed }))),
      together,
    );
  return seeds.flatMap((seed) => {
    const mixed = shuffled(mulberry32(seed), kinds).map((kind) => ({ kind, seed }));
    const [some, others] = [true, false].map((is) => mixed.filter(({ kind }) => kind.needs.includes('disks') === is));
    return [...chunks(others as Episode[], together), ...chunks(some as Episode[], together)];
  });
}

function chunks<T>(of: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(of.length / size) }, (_, n) => of.slice(n * size, (n + 1) * size));
}
