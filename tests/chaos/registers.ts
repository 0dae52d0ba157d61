import { findAnomaly, type Operation } from '@proconsul/sim';

/** A write to a register, or a read of it, as a program saw it. Values written are unique. Times in milliseconds. */
export interface RegisterOp extends Operation {
  readonly key: string;
  /** Which agent was asked. */
  readonly at: string;
  readonly mode: 'default' | 'consistent' | 'stale';
  /** ModifyIndex of what was read; 0 when nothing was there. Of a write: 0. */
  readonly index: number;
  /** The index that a compare-and-set named. */
  readonly cas?: number;
  /** A write that was answered with no: it has not happened. */
  readonly isRefused?: boolean;
  /** Of a stale read: how old it says that it is. */
  readonly ageMs?: number;
}

/** A stale answer may be this much older than it says. Source: reliability goals, R11. */
export const AGE_TOLERANCE_MS = 100;

/**
 * What is wrong with a history of registers, in sentences: default and consistent operations are linearizable, key by key; nobody
 * reads what was refused; a value has one index; no write lies between a compare-and-set and what it compared with; no stale
 * answer is older than it says.
 */
export function checkRegisters(ops: readonly RegisterOp[]): string[] {
  const wrong: string[] = [];
  const keys = new Set(ops.map((op) => op.key));
  for (const key of keys)
    wrong.push(
      ...checkKey(
        key,
        ops.filter((op) => op.key === key),
      ),
    );
  return wrong;
}

function checkKey(key: string, ops: readonly RegisterOp[]): string[] {
  const strict = ops.filter((op) => op.mode !== 'stale' && op.isRefused !== true);
  const anomaly = findAnomaly(strict);
  const wrong = anomaly === undefined ? [] : [`${key} is not linearizable: ${anomaly.why}: ${anomaly.values}`];
  wrong.push(...refused(key, ops));
  const indexes = new Map<string, number>();
  wrong.push(...oneIndex(key, ops, indexes), ...swaps(key, ops, indexes), ...ages(key, ops, indexes));
  return wrong;
}

const isRead = (op: RegisterOp): op is RegisterOp & { value: string } => op.kind === 'read' && op.value !== undefined;

function refused(key: string, ops: readonly RegisterOp[]): string[] {
  const values = new Set(ops.filter((op) => op.isRefused === true).map((op) => op.value));
  const written = new Set(ops.filter((op) => op.kind === 'write').map((op) => op.value));
  return ops.filter(isRead).flatMap(({ value, at, mode }) => {
    if (values.has(value)) return [`${key}: ${mode} read of ${value} at ${at}, but its write was refused`];
    return written.has(value) ? [] : [`${key}: ${mode} read of ${value} at ${at}, which nobody wrote`];
  });
}

/** Fills in the index of each value that was read. */
function oneIndex(key: string, ops: readonly RegisterOp[], indexes: Map<string, number>): string[] {
  const values = new Map<number, string>();
  const wrong: string[] = [];
  for (const { value, index, at } of ops.filter(isRead)) {
    const before = indexes.get(value) ?? index;
    const other = values.get(index) ?? value;
    if (before !== index) wrong.push(`${key}: ${value} has the index ${index} at ${at}, and had ${before}`);
    if (other !== value) wrong.push(`${key}: ${value} and ${other} both have the index ${index}`);
    indexes.set(value, index);
    values.set(index, value);
  }
  return wrong;
}

function swaps(key: string, ops: readonly RegisterOp[], indexes: ReadonlyMap<string, number>): string[] {
  const known = [...indexes].sort((a, b) => a[1] - b[1]);
  const replaced = new Map<number, string>();
  const wrong: string[] = [];
  for (const { kind, cas, value = '', endedAt, isRefused } of ops) {
    if (kind !== 'write' || cas === undefined || isRefused || endedAt === Number.POSITIVE_INFINITY) continue;
    const other = replaced.get(cas);
    if (other !== undefined) wrong.push(`${key}: ${other} and ${value} both replaced what had the index ${cas}`);
    replaced.set(cas, value);
    const index = indexes.get(value) ?? 0;
    const between = known.find(([, i]) => i > cas && i < index);
    if (between !== undefined) wrong.push(`${key}: ${value} replaced ${cas}, but ${between[0]} came between`);
  }
  return wrong;
}

function ages(key: string, ops: readonly RegisterOp[], indexes: ReadonlyMap<string, number>): string[] {
  const acknowledged = ops
    .filter((op) => op.kind === 'write' && op.endedAt !== Number.POSITIVE_INFINITY && op.isRefused !== true)
    .map((op) => ({ value: op.value ?? '', index: indexes.get(op.value ?? '') ?? 0, endedAt: op.endedAt }))
    .sort((a, b) => a.endedAt - b.endedAt);
  const wrong: string[] = [];
  for (const { mode, kind, index, startedAt, ageMs, at } of ops) {
    if (mode !== 'stale' || kind !== 'read' || ageMs === undefined || Number.isNaN(ageMs)) continue;
    const missed = acknowledged.find((w) => w.index > index);
    if (missed === undefined) continue;
    const age = startedAt - missed.endedAt;
    if (age > ageMs + AGE_TOLERANCE_MS) {
      wrong.push(
        `${key}: a stale read at ${at} says that it is ${ageMs} ms old, but ${missed.value} is ${Math.round(age)} ms old`,
      );
    }
  }
  return wrong;
}
