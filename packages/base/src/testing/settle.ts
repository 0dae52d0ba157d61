/**
 * Resolves when everything has been done that promises can do by themselves, however long their chains are. What they set off beyond
 * that (`setImmediate`, as streams of the platform do) is given `turns` turns of the event loop.
 */
export async function settle(turns = 1): Promise<void> {
  for (let i = 0; i < turns; i++) await new Promise<void>((resolve) => setImmediate(resolve));
}
