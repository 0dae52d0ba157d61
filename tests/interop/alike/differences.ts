import { isDeepStrictEqual } from 'node:util';
import type { Request } from './requests.ts';
import type { Alike } from './side.ts';

export interface Difference {
  readonly seed: number;
  readonly request: Request;
  readonly ours: Alike;
  readonly theirs: Alike;
  /** What had been written, in the order that indexes are counted in. */
  readonly writes: readonly Request[];
}

/** How many differences of one kind are shown, and how many places of each. */
const SHOWN = 3;
const PLACES_SHOWN = 5;
const PLACE_LENGTH = 400;

/** Answers that were otherwise, by kind of request and status. */
export class Differences {
  readonly #found = new Map<string, Difference[]>();

  add(difference: Difference, when = ''): void {
    const { request, ours, theirs } = difference;
    const key = `${when}${shape(request)} ${ours.status} ${theirs.status}`;
    this.#found.set(key, [...(this.#found.get(key) ?? []), difference]);
  }

  get kinds(): number {
    return this.#found.size;
  }

  get count(): number {
    return [...this.#found.values()].flat().length;
  }

  show(): void {
    for (const [key, differences] of this.#found) {
      console.log(`\n== ${key} (${differences.length})`);
      for (const difference of differences.slice(0, SHOWN)) showOne(difference);
    }
  }
}

const shape = ({ method, path }: Request): string =>
  `${method} ${path.replace(/\?.*/, '').split('/').slice(0, 5).join('/')}`;

function showOne({ seed, request, ours, theirs, writes }: Difference): void {
  const headers = request.headers === undefined ? '' : JSON.stringify(request.headers);
  console.log(`seed ${seed}: ${request.method} ${request.path} ${request.body ?? ''} ${headers}`);
  for (const place of places(ours, theirs).slice(0, PLACES_SHOWN)) {
    console.log(`   ${place.slice(0, PLACE_LENGTH)}`);
    const indexes = /[iI]ndex: "?(\d+)"? instead of "?(\d+)/.exec(place);
    for (const n of indexes?.slice(1) ?? []) {
      const write = writes[Number(n)];
      if (write !== undefined)
        console.log(`      ${n}: ${write.method} ${write.path} ${(write.body ?? '').slice(0, 300)}`);
    }
  }
}

/** The first places in which two values differ. */
function places(a: unknown, b: unknown, at = ''): string[] {
  if (isDeepStrictEqual(a, b)) return [];
  const isTree = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
  if (!isTree(a) || !isTree(b) || Array.isArray(a) !== Array.isArray(b))
    return [`${at || '.'}: ${JSON.stringify(a)} instead of ${JSON.stringify(b)}`];
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  return names.flatMap((name) => places(a[name], b[name], `${at}.${name}`));
}
