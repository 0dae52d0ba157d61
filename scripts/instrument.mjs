// Counters for the fuzzer: every branch of a module counts how often it was taken, every allocation by size is added up. Written as
// insertions without line breaks, so that positions of stack traces keep their lines.
import { parse } from 'acorn';

/** Names that the counters have in instrumented code; `prelude` defines them. */
const COUNTS = '__fz_n';
const TOUCH = '__fz_t';
const ALLOCATED = '__fz_a';

/** Calls whose first argument is a size. */
const SIZED = new Set(['Uint8Array', 'Uint16Array', 'Uint32Array', 'Float64Array', 'Array']);
const SIZED_METHODS = new Set(['alloc', 'allocUnsafe', 'allocUnsafeSlow']);

/** Code that must stand in front of instrumented modules. `counters`: how many there are. */
const prelude = (counters) =>
  `const __fz = globalThis.__fuzz ??= { counts: new Uint32Array(${counters}), touched: new Uint32Array(${counters}), size: 0, allocated: 0 };` +
  `const ${COUNTS} = __fz.counts;` +
  `const ${TOUCH} = (i) => { __fz.touched[__fz.size++] = i; };` +
  `const ${ALLOCATED} = (n) => { if (typeof n === 'number') __fz.allocated += n; return n; };`;

/**
 * Puts counters into a JavaScript module, all with number 0: see {@link numbered}. Returns the code and the texts of its string
 * literals, which are good words for a fuzzer.
 */
export function instrument(code) {
  const tree = parse(code, { ecmaVersion: 'latest', sourceType: 'module' });
  const edits = new Edits();
  const words = new Set();
  const hit = () => `${COUNTS}[0]++||${TOUCH}(0)`;
  visit(tree, edits, hit, words);
  return { code: edits.apply(code), words: [...words] };
}

/** Numbers the counters of a whole program from 0, in the order of its text, and puts the prelude in front. */
export function numbered(code) {
  let counters = 0;
  const text = code.replaceAll(/__fz_n\[0\]\+\+\s*\|\|\s*__fz_t\(0\)/g, () => {
    const n = counters++;
    return `${COUNTS}[${n}]++||${TOUCH}(${n})`;
  });
  return { code: prelude(counters) + text, counters };
}

/** Insertions at positions: those that close a node come before those that open the next one. */
class Edits {
  #opens = new Map();
  #closes = new Map();

  open(at, text) {
    this.#opens.set(at, (this.#opens.get(at) ?? '') + text);
  }

  /** Called for outer nodes first, so what comes later stands further inside. */
  close(at, text) {
    this.#closes.set(at, text + (this.#closes.get(at) ?? ''));
  }

  apply(code) {
    const places = [...new Set([...this.#opens.keys(), ...this.#closes.keys()])].sort((a, b) => a - b);
    let out = '';
    let from = 0;
    for (const at of places) {
      out += code.slice(from, at) + (this.#closes.get(at) ?? '') + (this.#opens.get(at) ?? '');
      from = at;
    }
    return out + code.slice(from);
  }
}

function visit(node, edits, hit, words) {
  switch (node.type) {
    case 'FunctionDeclaration':
    case 'FunctionExpression':
    case 'ArrowFunctionExpression':
      if (node.body.type === 'BlockStatement') edits.open(node.body.start + 1, `${hit()};`);
      else expression(node.body, edits, hit);
      break;
    case 'IfStatement':
      branch(node.consequent, edits, hit, node.alternate ? '' : () => `else{${hit()}}`);
      if (node.alternate) branch(node.alternate, edits, hit, '');
      break;
    case 'ForStatement':
    case 'ForInStatement':
    case 'ForOfStatement':
    case 'WhileStatement':
    case 'DoWhileStatement':
      branch(node.body, edits, hit, '');
      break;
    case 'SwitchCase':
      if (node.consequent.length > 0) edits.open(node.consequent[0].start, `${hit()};`);
      break;
    case 'CatchClause':
      edits.open(node.body.start + 1, `${hit()};`);
      break;
    case 'ConditionalExpression':
      expression(node.consequent, edits, hit);
      expression(node.alternate, edits, hit);
      break;
    case 'LogicalExpression':
      expression(node.right, edits, hit);
      break;
    case 'NewExpression':
      if (node.callee.type === 'Identifier' && SIZED.has(node.callee.name)) sized(node, edits);
      break;
    case 'CallExpression':
      if (node.callee.type === 'MemberExpression' && SIZED_METHODS.has(node.callee.property.name)) sized(node, edits);
      break;
    case 'Literal':
      if (typeof node.value === 'string' && node.value.length > 0 && node.value.length <= 24) words.add(node.value);
      break;
  }
  for (const key of Object.keys(node)) {
    const child = node[key];
    if (Array.isArray(child)) {
      for (const one of child) if (one && typeof one.type === 'string') visit(one, edits, hit, words);
    } else if (child && typeof child.type === 'string') visit(child, edits, hit, words);
  }
}

function branch(body, edits, hit, after) {
  const rest = after === '' ? '' : after();
  if (body.type === 'BlockStatement') {
    edits.open(body.start + 1, `${hit()};`);
    if (rest !== '') edits.close(body.end, rest);
    return;
  }
  edits.open(body.start, `{${hit()};`);
  edits.close(body.end, `}${rest}`);
}

function expression(node, edits, hit) {
  edits.open(node.start, `(${hit()},`);
  edits.close(node.end, ')');
}

function sized(node, edits) {
  const [first] = node.arguments;
  if (node.arguments.length !== 1 || first.type === 'SpreadElement') return;
  edits.open(first.start, `${ALLOCATED}(`);
  edits.close(first.end, ')');
}
