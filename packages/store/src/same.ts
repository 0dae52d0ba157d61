/** Deep equality of two plain records, lists and bytes. Null differs from empty, as in the JSON that clients see. */
export function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null)
    return Number.isNaN(a) && Number.isNaN(b);
  if (Array.isArray(a)) return Array.isArray(b) && sameList(a, b);
  if (a instanceof Uint8Array) return b instanceof Uint8Array && sameList(a, b);
  if (Array.isArray(b) || b instanceof Uint8Array) return false;
  return sameRecord(a as Record<string, unknown>, b as Record<string, unknown>);
}

/** The same except for CreateIndex and ModifyIndex, which the tables set themselves. */
export function sameButIndexes(a: object, b: object): boolean {
  return sameRecord(a as Record<string, unknown>, b as Record<string, unknown>, true);
}

function sameList(a: ArrayLike<unknown>, b: ArrayLike<unknown>): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (!same(a[i], b[i])) return false;
  return true;
}

function sameRecord(a: Record<string, unknown>, b: Record<string, unknown>, butIndexes = false): boolean {
  const keys = Object.keys(a);
  if (Object.keys(b).length !== keys.length) return false;
  for (const key of keys) {
    if (butIndexes && (key === 'CreateIndex' || key === 'ModifyIndex')) continue;
    if (!Object.hasOwn(b, key) || !same(a[key], b[key])) return false;
  }
  return true;
}
