/** A lock that was given to a session, as its holder saw it. */
export interface Grant {
  readonly key: string;
  readonly session: string;
  /** The node that the session belongs to. */
  readonly node: string;
  /** The fencing number; 0 when the holder could not read it. */
  readonly lockIndex: number;
  /** When it was asked for, and when it was granted. */
  readonly startedAt: number;
  readonly endedAt: number;
  /** Until when nobody else may have it: the holder let go, or its session may have ended. */
  readonly heldUntil: number;
}

/** A node was taken out of the catalog, about then. */
export interface Removal {
  readonly node: string;
  readonly at: number;
}

/** It is told when it is asked for; so much later it has happened, or will not. */
const REMOVED_WITHIN_MS = 10_000;

/** A session ends with its node, so a holder may rely on it only for as long as the node is in the catalog. */
export function untilRemoved(grants: readonly Grant[], removals: readonly Removal[]): Grant[] {
  return grants.map((grant) => {
    const mine = removals.filter((r) => r.node === grant.node && r.at > grant.startedAt - REMOVED_WITHIN_MS);
    return { ...grant, heldUntil: Math.min(grant.heldUntil, ...mine.map((r) => r.at)) };
  });
}

/** Something that was written under a lock, with its fencing number, in the order of ModifyIndex. */
export interface Fenced {
  readonly key: string;
  readonly lockIndex: number;
  readonly index: number;
}

/** What is wrong with locks: no two holders at a time, one session for one LockIndex, and writes in the order of LockIndex. */
export function checkLocks(grants: readonly Grant[], fenced: readonly Fenced[]): string[] {
  const wrong: string[] = [];
  for (const key of new Set([...grants, ...fenced].map(({ key }) => key))) {
    wrong.push(
      ...holders(
        key,
        grants.filter((g) => g.key === key),
      ),
    );
    wrong.push(
      ...fences(
        key,
        fenced.filter((f) => f.key === key),
      ),
    );
  }
  return wrong;
}

function holders(key: string, grants: readonly Grant[]): string[] {
  const wrong: string[] = [];
  const sessions = new Map<number, string>();
  for (const g of grants) {
    if (g.lockIndex > 0) {
      const other = sessions.get(g.lockIndex) ?? g.session;
      if (other !== g.session) wrong.push(`${key}: ${other} and ${g.session} both have the LockIndex ${g.lockIndex}`);
      sessions.set(g.lockIndex, g.session);
    }
    for (const h of grants) {
      // The other one had it all the time while this one was given it.
      if (h === g || h.session === g.session || g.startedAt < h.endedAt || g.endedAt > h.heldUntil) continue;
      wrong.push(`${key} was given to ${g.session} while ${h.session} held it`);
    }
  }
  const known = grants.filter((g) => g.lockIndex > 0).sort((a, b) => a.lockIndex - b.lockIndex);
  known.forEach((g, i) => {
    const before = known[i - 1];
    if (before !== undefined && before.lockIndex < g.lockIndex && g.endedAt < before.startedAt) {
      wrong.push(`${key}: the LockIndex went back from ${g.lockIndex} to ${before.lockIndex}`);
    }
  });
  return wrong;
}

function fences(key: string, fenced: readonly Fenced[]): string[] {
  const ordered = [...fenced].sort((a, b) => a.index - b.index);
  return ordered.flatMap((f, i) => {
    const before = ordered[i - 1];
    if (before === undefined || before.lockIndex <= f.lockIndex) return [];
    return [
      `${key}: a holder with the LockIndex ${f.lockIndex} wrote at ${f.index}, after one with ${before.lockIndex}`,
    ];
  });
}
