/** What one watcher was told, in order. */
export interface Watched {
  readonly name: string;
  readonly isStale: boolean;
  readonly indexes: readonly number[];
  /** The last answer, and what an ordinary reader is told in the end. */
  readonly last: string;
  readonly ended: string;
}

/** What is wrong with watchers: an index that goes back (stale ones may ask another server), an old state in the end. */
export function checkWatched(watched: readonly Watched[], mayGoBack: boolean): string[] {
  return watched.flatMap(({ name, isStale, indexes, last, ended }) => {
    const wrong: string[] = [];
    indexes.forEach((index, i) => {
      const before = indexes[i - 1] ?? 0;
      if (index <= 0) wrong.push(`${name} was told the index ${index}`);
      else if (index < before && !isStale && !mayGoBack)
        wrong.push(`${name}: the index went back from ${before} to ${index}`);
    });
    if (last !== ended)
      wrong.push(`${name} was told an old state in the end: ${brief(last)} instead of ${brief(ended)}`);
    return wrong;
  });
}

const brief = (text: string): string => (text.length > 200 ? `${text.slice(0, 200)}...` : text);
