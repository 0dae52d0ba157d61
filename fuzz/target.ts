import { CodedError, ProtocolError } from '@proconsul/base';

/** One parser under attack. */
export interface Target {
  readonly name: string;
  /** What is read, and from whom it may come. */
  readonly reads: string;
  /** Valid and nearly valid inputs to begin with. */
  seeds(): Uint8Array[];
  /** Packages whose string literals are good words to put in. */
  readonly wordsOf?: readonly string[];
  /** Further words. */
  readonly words?: readonly (string | Uint8Array)[];
  /** Longest input that mutations make; {@link INPUT_BYTES_MAX} unless told. */
  readonly inputBytesMax?: number;
  /** Longest input that one task of the event loop may be handed in the product: inputs are stretched to it at the end (R20). */
  readonly taskBytesMax: number;
  /** What `task` (or `run`) may take, where it is not {@link TASK_MS_MAX}: {@link START_MS_MAX} before the agent serves anybody. */
  readonly taskMsMax?: number;
  /** What one execution may allocate by size, besides 64 bytes for each byte of input; {@link ALLOCATED_BYTES_MAX} unless told. */
  readonly allocatedBytesMax?: number;
  /** Executions of a run without --runs; {@link RUNS} unless told. Fewer only for what is slow. */
  readonly runs?: number;
  /** Whether what was thrown is the documented way to refuse input. Unless told: {@link isRefusal}. */
  isRefusal?(error: unknown): boolean;
  /** Makes the next input for the target's whole format: checksums put right, for instance. */
  repair?(bytes: Uint8Array): Uint8Array;
  /** Reads the bytes and checks every property of the answer; throws {@link PropertyError} when one does not hold. */
  run(bytes: Uint8Array): void | Promise<void>;
  /** What the product does with such bytes in one task of the event loop, where that is less than `run`; R20 measures it. */
  task?(bytes: Uint8Array): void | Promise<void>;
}

export const RUNS = 1_000_000;
export const INPUT_BYTES_MAX = 768;
export const ALLOCATED_BYTES_MAX = 4 * 1024 * 1024;
/** R20: the longest that one execution may take. */
export const TASK_MS_MAX = 20;
/** Of what the product does in so many tasks; twice the goal for each, as for all others. */
export const tasksMsMax = (tasks: number): number => 2 * tasks * TASK_MS_MAX;
export const START_MS_MAX = 1000;
/** For what is not one task of the event loop: other threads do the work, or it comes in many pieces. */
export const NO_TASK_MS = Number.POSITIVE_INFINITY;

/** Something that must hold for every input does not. */
export class PropertyError extends Error {
  override readonly name = 'PropertyError';
}

/** The errors for bad bytes that nearly all parsers document. */
export function isRefusal(error: unknown): boolean {
  return error instanceof ProtocolError;
}

/** For parsers that refuse with an error class of their own. */
export const refusesWith =
  (...classes: readonly (abstract new (...args: never[]) => Error)[]) =>
  (error: unknown): boolean =>
    classes.some((c) => error instanceof c);

export const isCoded = (error: unknown): boolean => error instanceof CodedError;

export function check(fact: boolean, message: string | (() => string)): void {
  if (!fact) throw new PropertyError(typeof message === 'string' ? message : message());
}

/** Runs what may not fail at all: whatever it throws is a finding. */
export function must<T>(what: string, fn: () => T): T {
  try {
    return fn();
  } catch (error) {
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    throw Object.assign(new PropertyError(`${what}: ${text}`), error instanceof Error ? { stack: error.stack } : {});
  }
}

export function checkSame(left: unknown, right: unknown, what: string): void {
  const difference = differs(left, right, '');
  check(difference === undefined, () => `${what}: ${difference}`);
}

/** Where two plain values differ; NaN equals NaN, 0 and -0 differ not, bytes by their content. */
export function differs(a: unknown, b: unknown, path: string): string | undefined {
  if (a === b || (Number.isNaN(a) && Number.isNaN(b))) return undefined;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) {
    return `${path || '.'}: ${brief(a)} and ${brief(b)}`;
  }
  if (a instanceof Uint8Array || b instanceof Uint8Array) {
    if (!(a instanceof Uint8Array && b instanceof Uint8Array)) return `${path}: bytes and something else`;
    if (a.length !== b.length) return `${path}: ${a.length} and ${b.length} bytes`;
    for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return `${path}: byte ${i} ${a[i]} and ${b[i]}`;
    return undefined;
  }
  if (a instanceof Map && b instanceof Map) return differs([...a], [...b], `${path}(map)`);
  if (Array.isArray(a) !== Array.isArray(b)) return `${path}: an array and none`;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return `${path}: keys ${keys} and ${Object.keys(b)}`;
  for (const key of keys) {
    if (!Object.hasOwn(b, key)) return `${path}.${key}: missing`;
    const found = differs((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key], `${path}.${key}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

function brief(value: unknown): string {
  const text =
    typeof value === 'bigint' ? `${value}n` : typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length > 120 ? `${text.slice(0, 120)}...` : text;
}
