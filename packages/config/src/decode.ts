import { type Position, plainOf, type Tree, type TreeEntry, type TreeMap } from '@proconsul/hcl';
import type { ErrorDetail } from './errors.ts';
import { goType, goValue } from './go-format.ts';
import { nearest } from './nearest.ts';
import type { Shape, StructShape } from './shape.ts';

/** A decoded value: structs as objects by field name, what was not given left out. */
export type Value = string | number | bigint | boolean | null | Value[] | { [key: string]: Value };

export interface Slip {
  readonly text: string;
  readonly position: Position;
  readonly suggestion?: string;
}

export interface Decoded {
  readonly value: { readonly [key: string]: Value };
  /** Where each value was written, by path: `ports.http`, `retry_join[0]`, `node_meta[a]`. */
  readonly positions: ReadonlyMap<string, Position>;
  /** Values of a wrong type, in the order of Consul's message. */
  readonly mismatches: readonly Slip[];
  /** Keys that no field has, in the order of Consul's message; `text` is the path. */
  readonly unknown: readonly Slip[];
}

/**
 * Decodes a tree by a shape. Keys match whatever their case. Nothing is converted between types, save that a list of one
 * element stands for the element where no list is expected. Source: the reference agent's answers (config-errors).
 */
export function decode(tree: TreeMap, shape: StructShape): Decoded {
  const run = new Decoder();
  const value = run.struct(tree, shape, '');
  run.mismatches.sort((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0));
  return { value, positions: run.positions, mismatches: run.mismatches, unknown: run.unknown };
}

class Decoder {
  readonly positions = new Map<string, Position>();
  readonly mismatches: Slip[] = [];
  readonly unknown: Slip[] = [];

  struct(tree: TreeMap, shape: StructShape, path: string): { [key: string]: Value } {
    const given = new Map<string, TreeEntry>();
    const unknown: [string, TreeEntry][] = [];
    for (const [key, entry] of tree.entries) {
      const lower = key.toLowerCase();
      const field = shape.fields.has(lower) ? lower : shape.aliases.get(lower);
      if (field === undefined) unknown.push([key, entry]);
      else if (lower === field || !given.has(field)) given.set(field, entry);
    }
    const out: { [key: string]: Value } = {};
    for (const [field, fieldShape] of shape.fields) {
      const entry = given.get(field);
      if (entry === undefined) continue;
      const value = this.value(entry.value, fieldShape, join(path, field));
      if (value !== undefined) out[field] = value;
    }
    for (const [key, entry] of unknown) this.#unknown(key, entry, shape, path);
    return out;
  }

  #unknown(key: string, entry: TreeEntry, shape: StructShape, path: string): void {
    const suggestion = nearest(key, shape.fields.keys());
    const slip: Slip = { text: join(path, key), position: entry.keyPosition };
    this.unknown.push(suggestion === undefined ? slip : { ...slip, suggestion: join(path, suggestion) });
  }

  value(given: Tree, shape: Shape, path: string): Value | undefined {
    const tree = shape.kind === 'slice' ? given : unwrap(given);
    if (tree.type === 'null') return shape.kind === 'any' || shape.kind === 'entry' ? null : undefined;
    this.positions.set(path, tree.position);
    switch (shape.kind) {
      case 'slice':
        return this.#slice(tree, shape.of, path);
      case 'map':
        return this.#map(tree, shape.of, path);
      case 'struct':
        if (tree.type === 'map') return this.struct(tree, shape, path);
        return this.#notAMap(tree, path);
      case 'any':
        return plainOf(tree === given ? tree : unwrapInside(tree));
      case 'entry':
        return plainOf(flatten(given));
      default:
        return this.#scalar(tree, shape.kind, path);
    }
  }

  #slice(tree: Tree, of: Shape, path: string): Value | undefined {
    if (tree.type !== 'list') {
      const kind = tree.type === 'map' ? 'map' : goType(tree);
      return this.#mismatch(tree, `'${path}': source data must be an array or slice, got ${kind}`);
    }
    const out: Value[] = [];
    tree.items.forEach((item, index) => {
      const value = this.value(item, of, `${path}[${index}]`);
      out.push(value ?? zeroOf(of));
    });
    return out;
  }

  #map(tree: Tree, of: Shape, path: string): Value | undefined {
    if (tree.type !== 'map') return this.#notAMap(tree, path);
    const out: [string, Value][] = [];
    for (const [key, entry] of tree.entries) {
      const value = this.value(entry.value, of, `${path}[${key}]`);
      if (value !== undefined) out.push([key, value]);
    }
    return Object.fromEntries(out);
  }

  #notAMap(tree: Tree, path: string): undefined {
    const kind = tree.type === 'list' ? 'slice' : goType(tree);
    this.#mismatch(tree, `'${path}' expected a map, got '${kind}'`);
  }

  #scalar(tree: Tree, kind: 'string' | 'bool' | 'int' | 'uint' | 'uint32' | 'uint64' | 'float64', path: string) {
    if (kind === 'string' || kind === 'bool') {
      if (tree.type === kind) return tree.value;
    } else if (tree.type === 'int' || tree.type === 'float64') {
      return this.#number(Number(tree.value), tree, kind, path);
    }
    const text = `'${path}' expected type '${kind}', got unconvertible type '${goType(tree)}', value: '${goValue(tree)}'`;
    return this.#mismatch(tree, text);
  }

  #number(
    value: number,
    tree: Tree,
    kind: 'int' | 'uint' | 'uint32' | 'uint64' | 'float64',
    path: string,
  ): number | undefined {
    if (kind === 'float64') return value;
    if (kind !== 'int' && value < 0) {
      const shown = tree.type === 'float64' ? value.toFixed(6) : String(value);
      this.#mismatch(tree, `cannot parse '${path}', ${shown} overflows uint`);
      return undefined;
    }
    const whole = Math.trunc(value) || 0;
    return kind === 'uint32' ? whole % 2 ** 32 : whole;
  }

  #mismatch(tree: Tree, text: string): undefined {
    this.mismatches.push({ text, position: tree.position });
  }
}

function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}

/** A list of one element stands for the element where no list is expected. */
function unwrap(tree: Tree): Tree {
  return tree.type === 'list' && tree.items.length === 1 ? tree.items[0]! : tree;
}

/** A free-form map that was unwrapped has its own values unwrapped too; one that was not keeps its lists. */
function unwrapInside(tree: Tree): Tree {
  if (tree.type !== 'map') return tree;
  const entries = [...tree.entries].map(([key, entry]): [string, TreeEntry] => {
    const value = unwrap(entry.value);
    return [key, { ...entry, value: value === entry.value ? value : unwrapInside(value) }];
  });
  return { ...tree, entries: new Map(entries) };
}

/** In config entries a block is a map and lists written as `[ ]` stay lists, since entries have fields of both kinds. */
function flatten(tree: Tree): Tree {
  if (tree.type === 'list') {
    const items = tree.items.map(flatten);
    return tree.blocks && items.length === 1 ? items[0]! : { ...tree, items };
  }
  if (tree.type !== 'map') return tree;
  const entries = [...tree.entries].map(([key, entry]): [string, TreeEntry] => [
    key,
    { ...entry, value: flatten(entry.value) },
  ]);
  return { ...tree, entries: new Map(entries) };
}

function zeroOf(shape: Shape): Value {
  switch (shape.kind) {
    case 'string':
      return '';
    case 'bool':
      return false;
    case 'slice':
      return [];
    case 'map':
    case 'struct':
      return {};
    case 'any':
    case 'entry':
      return null;
    default:
      return 0;
  }
}

/** The decoder's slips as details of an error in `file`. */
export function detailsOf(slips: readonly Slip[], file: string): ErrorDetail[] {
  return slips.map(({ text, position: { line, column }, suggestion }) => {
    const detail = { text, place: { file, line, column } };
    return suggestion === undefined ? detail : { ...detail, suggestion };
  });
}
