import type { Tree, TreeScalar } from '@proconsul/hcl';

/** The name of Go's type for a decoded value, as messages print it. */
export function goType(tree: Tree): string {
  switch (tree.type) {
    case 'list':
      return tree.blocks ? '[]map[string]interface {}' : '[]interface {}';
    case 'map':
      return 'map[string]interface {}';
    case 'null':
      return '<nil>';
    default:
      return tree.type;
  }
}

/** A value as Go's `%v` prints it: `map[a:1 b:[x y]]`, keys sorted. */
export function goValue(tree: Tree): string {
  if (tree.type === 'list') return `[${tree.items.map(goValue).join(' ')}]`;
  if (tree.type !== 'map') return goScalar(tree);
  const keys = [...tree.entries.keys()].sort();
  return `map[${keys.map((key) => `${key}:${goValue(tree.entries.get(key)!.value)}`).join(' ')}]`;
}

function goScalar(tree: TreeScalar): string {
  if (tree.value === null) return '<nil>';
  return tree.type === 'float64' ? goFloat(Number(tree.value)) : String(tree.value);
}

/** A float64 as Go's `%v` prints it: shortest digits, with an exponent below 1e-4 and from 1e+06 on. */
export function goFloat(value: number): string {
  if (value === 0) return '0';
  const [digits, power] = value.toExponential().split('e') as [string, string];
  const exponent = Number(power);
  if (exponent < -4 || exponent >= 6) {
    return `${digits}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
  }
  return String(value);
}
