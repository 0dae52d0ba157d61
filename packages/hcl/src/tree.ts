import type { HclItem, HclList, HclLiteral, HclNode, HclObject } from './ast.ts';
import { errorAt, type Position } from './errors.ts';
import { parseInteger } from './literal.ts';

/** Values with positions, in the shape that Consul's decoder sees. */
export type Tree = TreeScalar | TreeList | TreeMap;

export interface TreeScalar {
  readonly type: 'string' | 'int' | 'float64' | 'bool' | 'null';
  readonly value: string | number | bigint | boolean | null;
  readonly position: Position;
}

export interface TreeList {
  readonly type: 'list';
  /** Made by one or more blocks (`service { }`), not by `[ ]`. */
  readonly blocks: boolean;
  readonly items: readonly Tree[];
  readonly position: Position;
}

export interface TreeMap {
  readonly type: 'map';
  readonly entries: ReadonlyMap<string, TreeEntry>;
  readonly position: Position;
}

export interface TreeEntry {
  /** Of the key, where it was written last. */
  readonly keyPosition: Position;
  readonly value: Tree;
}

/** Plain values: what {@link plainOf} makes of a tree. */
export type Plain = string | number | bigint | boolean | null | Plain[] | { [key: string]: Plain };

/**
 * Gathers repeated keys: every block becomes an element of a list of maps, lists are appended, a later scalar takes
 * the place of an earlier one and its type (`a = "x" a = 3` is the string "3"). Repetitions that do not fit throw
 * HclError HCL_REPEATED_KEY with Consul's text. Source: the reference agent's answers in `testdata/`.
 */
export function treeOf(object: HclObject, path = 'root'): TreeMap {
  const entries = new Map<string, TreeEntry>();
  for (const item of object.items) addItem(entries, item, path);
  return { type: 'map', entries, position: object.position };
}

function addItem(entries: Map<string, TreeEntry>, item: HclItem, path: string): void {
  const key = item.keys[0]!;
  const before = entries.get(key.text)?.value;
  const value = merge(before, unlabelled(item), `${path}.${key.text}`);
  entries.set(key.text, { keyPosition: key.position, value });
}

/** `sink "file" { }` means `sink { "file" { } }`. */
function unlabelled({ keys, value }: HclItem): HclNode {
  if (keys.length === 1) return value;
  const { position } = keys[1]!;
  return { type: 'object', items: [{ keys: keys.slice(1), value }], position };
}

function merge(before: Tree | undefined, node: HclNode, path: string): Tree {
  switch (node.type) {
    case 'object': {
      if (before !== undefined && before.type !== 'list') throw mismatch(before, node, path);
      const items = before?.items ?? [];
      const added = treeOf(node, `${path}[${items.length}]`);
      const blocks = before === undefined || before.blocks;
      return { type: 'list', blocks, items: [...items, added], position: before?.position ?? node.position };
    }
    case 'list':
      return mergeList(before, node, path);
    default:
      return mergeLiteral(before, node, path);
  }
}

function mergeList(before: Tree | undefined, node: HclList, path: string): Tree {
  if (before !== undefined && before.type !== 'list') throw mismatch(before, node, path);
  const items = before?.items ?? [];
  const added = node.items.map((item, index) => listItem(item, `${path}[${items.length + index}]`));
  if (before?.blocks) {
    const wrong = node.items.find((item) => item.type !== 'object');
    if (wrong) {
      const message = `${path}[0]: not an object type for map (${nodeName(wrong)})`;
      throw errorAt(wrong.position, message, 'HCL_REPEATED_KEY');
    }
  }
  const blocks = before?.blocks ?? false;
  return { type: 'list', blocks, items: [...items, ...added], position: before?.position ?? node.position };
}

/** Inside `[ ]` an object is a map, not a list of maps. */
function listItem(node: HclNode, path: string): Tree {
  return node.type === 'object' ? treeOf(node, path) : merge(undefined, node, path);
}

function mergeLiteral(before: Tree | undefined, node: HclLiteral, path: string): TreeScalar {
  const { position } = node;
  if (before === undefined) return { type: scalarType(node), value: node.value, position };
  if (before.type === 'list' || before.type === 'map') {
    throw errorAt(position, 'unknown slice type: *ast.LiteralType', 'HCL_REPEATED_KEY');
  }
  const type = scalarType(node);
  if (before.type === type) return { type, value: node.value, position };
  if (before.type === 'string' && type === 'int') return { type: 'string', value: node.raw, position };
  if (before.type === 'int' && type === 'string') {
    return { type: 'int', value: parseInteger({ text: String(node.value), position }), position };
  }
  if (before.type === 'float64' && type === 'int') return { type: 'float64', value: Number(node.value), position };
  throw mismatch(before, node, path);
}

function scalarType(node: HclLiteral): TreeScalar['type'] {
  return node.type === 'float' ? 'float64' : node.type;
}

function mismatch(before: Tree, node: HclNode, path: string) {
  const kind = before.type === 'string' ? 'unknown type for string' : 'unknown type';
  return errorAt(node.position, `${path}: ${kind} ${nodeName(node)}`, 'HCL_REPEATED_KEY');
}

function nodeName(node: HclNode): string {
  if (node.type === 'object') return '*ast.ObjectType';
  return node.type === 'list' ? '*ast.ListType' : '*ast.LiteralType';
}

/** Drops the positions. Keys become own properties whatever their name. */
export function plainOf(tree: Tree): Plain {
  if (tree.type === 'list') return tree.items.map(plainOf);
  if (tree.type !== 'map') return tree.value;
  return Object.fromEntries([...tree.entries].map(([key, entry]) => [key, plainOf(entry.value)]));
}
