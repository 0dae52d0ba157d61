/**
 * One turn of the real event loop: everything that promises can do without virtual time passing is done after it, in an order that
 * depends on nothing else.
 */
export const promisesSettled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Real time passes, so that code can be loaded. */
export const realPause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));
