import type { Position } from './errors.ts';

export interface HclLiteral {
  readonly type: 'string' | 'int' | 'float' | 'bool' | 'null';
  /** int: a number, or bigint beyond 2^53; null: null. */
  readonly value: string | number | bigint | boolean | null;
  /** As written. */
  readonly raw: string;
  readonly position: Position;
}

export interface HclList {
  readonly type: 'list';
  readonly items: readonly HclNode[];
  readonly position: Position;
}

export interface HclObject {
  readonly type: 'object';
  readonly items: readonly HclItem[];
  readonly position: Position;
}

export type HclNode = HclLiteral | HclList | HclObject;

export interface HclKey {
  /** Quotes removed. */
  readonly text: string;
  readonly position: Position;
}

/** `key = value`, or a block with its labels: `sink "file" { ... }` has two keys. */
export interface HclItem {
  /** At least one. */
  readonly keys: readonly HclKey[];
  readonly value: HclNode;
}
