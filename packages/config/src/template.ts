import { quoteGo } from '@proconsul/base';

/** Longest template text. */
export const MAX_TEMPLATE_LENGTH = 16 * 1024;
/** Deepest nesting of parentheses. */
const MAX_DEPTH = 50;

/** A template that cannot be parsed or run. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';
  readonly phase: 'parse' | 'run';
  constructor(message: string, phase: 'parse' | 'run') {
    super(message);
    this.phase = phase;
  }
}

type Operand = { readonly literal: unknown } | { readonly pipeline: readonly Command[] };
/** A function with its arguments, or a value alone. */
type Command = { readonly call: string; readonly args: readonly Operand[] } | { readonly operand: Operand };
type Part = string | readonly Command[];

const TOKEN = /\s*(?:("(?:[^"\\\n]|\\.)*"|`[^`]*`)|([-+]?\d+)|([A-Za-z_]\w*)|([|()]))/y;

/**
 * The part of Go's text/template that address templates use: text, and actions that are pipelines of function calls with
 * string and integer arguments and parentheses. Source: the documentation of text/template.
 */
export class Template {
  readonly #parts: readonly Part[];
  private constructor(parts: readonly Part[]) {
    this.#parts = parts;
  }

  /** Throws {@link TemplateError}. */
  static parse(text: string, functions: ReadonlySet<string>): Template {
    if (text.length > MAX_TEMPLATE_LENGTH) throw fail('template is too long');
    const parts: Part[] = [];
    let at = 0;
    for (;;) {
      const open = text.indexOf('{{', at);
      parts.push(open < 0 ? text.slice(at) : text.slice(at, open));
      if (open < 0) return new Template(parts);
      const close = text.indexOf('}}', open);
      if (close < 0) throw fail('unclosed action');
      const action = text.slice(open + 2, close).replace(/^- |(?<= )-$/g, '');
      parts.push(new ActionParser(action, functions).parse());
      at = close + 2;
    }
  }

  /** The text with every action replaced by its value. */
  run(call: (name: string, args: readonly unknown[]) => unknown): string {
    return this.#parts.map((part) => (typeof part === 'string' ? part : show(evaluate(part, call)))).join('');
  }
}

function evaluate(pipeline: readonly Command[], call: (name: string, args: readonly unknown[]) => unknown): unknown {
  let value: unknown;
  for (const [index, command] of pipeline.entries()) {
    if ('operand' in command) {
      value = operandOf(command.operand, call);
      continue;
    }
    const args = command.args.map((arg) => operandOf(arg, call));
    value = call(command.call, index === 0 ? args : [...args, value]);
  }
  return value;
}

function operandOf(operand: Operand, call: (name: string, args: readonly unknown[]) => unknown): unknown {
  return 'literal' in operand ? operand.literal : evaluate(operand.pipeline, call);
}

function show(value: unknown): string {
  if (typeof value === 'string' || typeof value === 'number') return String(value);
  if (Array.isArray(value))
    return `[${value.map((item) => show((item as { ip?: { text: string } }).ip?.text ?? item)).join(' ')}]`;
  return '';
}

function fail(message: string): TemplateError {
  return new TemplateError(`template: sockaddr.Parse:1: ${message}`, 'parse');
}

class ActionParser {
  readonly #text: string;
  readonly #functions: ReadonlySet<string>;
  #at = 0;

  constructor(text: string, functions: ReadonlySet<string>) {
    this.#text = text;
    this.#functions = functions;
  }

  parse(): readonly Command[] {
    const pipeline = this.#pipeline(0);
    if (this.#rest() !== '') throw fail(`unexpected ${quoteGo(this.#rest())} in command`);
    return pipeline;
  }

  #pipeline(depth: number): readonly Command[] {
    if (depth > MAX_DEPTH) throw fail('max expression depth exceeded');
    const commands: Command[] = [];
    do commands.push(this.#command(depth));
    while (this.#eat('|'));
    return commands;
  }

  #command(depth: number): Command {
    const operands: Operand[] = [];
    let call: string | undefined;
    for (;;) {
      const next = this.#rest()[0];
      if (next === undefined || next === '|' || next === ')') break;
      const [, quoted, integer, name, sign] = this.#token();
      if (name !== undefined && !this.#functions.has(name)) throw fail(`function ${quoteGo(name)} not defined`);
      if (name !== undefined && call === undefined && operands.length === 0) call = name;
      else if (name !== undefined) operands.push({ pipeline: [{ call: name, args: [] }] });
      else if (integer !== undefined) operands.push({ literal: Number(integer) });
      else if (quoted !== undefined) operands.push({ literal: unquote(quoted) });
      else if (sign === '(') {
        operands.push({ pipeline: this.#pipeline(depth + 1) });
        if (!this.#eat(')')) throw fail('unclosed left paren');
      }
    }
    if (call !== undefined) return { call, args: operands };
    if (operands.length === 0) throw fail('missing value for command');
    return { operand: operands[0]! };
  }

  #token(): RegExpExecArray {
    TOKEN.lastIndex = this.#at;
    const match = TOKEN.exec(this.#text);
    if (!match) throw fail(`unexpected ${quoteGo(this.#rest()[0] ?? '')} in command`);
    this.#at = TOKEN.lastIndex;
    return match;
  }

  #eat(sign: string): boolean {
    if (!this.#rest().startsWith(sign)) return false;
    this.#token();
    return true;
  }

  #rest(): string {
    return this.#text.slice(this.#at).trim();
  }
}

function unquote(quoted: string): string {
  if (quoted[0] === '`') return quoted.slice(1, -1);
  try {
    return JSON.parse(quoted) as string;
  } catch {
    throw fail(`malformed string constant ${quoted}`);
  }
}
