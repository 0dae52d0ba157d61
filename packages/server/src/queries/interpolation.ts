// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are the templates of queries
/** What an expression sees: variables by name and functions of one number. */
export interface Scope {
  readonly variables: Readonly<Record<string, string>>;
  readonly functions: Readonly<Record<string, (argument: number) => string>>;
}

/** A text that cannot be read (`kind: format`) or that names what is not there (`kind: evaluation`). */
export class InterpolationError extends Error {
  override readonly name = 'InterpolationError';
  readonly kind: 'format' | 'evaluation';
  constructor(kind: 'format' | 'evaluation', message: string) {
    super(message);
    this.kind = kind;
  }
}

/** Deepest nesting of expressions: texts come from users. */
export const EXPRESSION_DEPTH_MAX = 32;

type Value = string | number;

/**
 * Replaces `${...}` in a text; `$${` stands for `${` itself. An expression is a variable (`name.full`), a call
 * (`match(1)`), a number, a quoted text (which may hold `${...}` again), or sums and products of them.
 * Throws {@link InterpolationError}. Source: prepared query template documentation; texts as the reference answers them.
 */
export function interpolate(text: string, scope: Scope): string {
  if (!text.includes('${')) return text;
  const parser = new Parser(text, scope);
  return parser.text(undefined);
}

const WORD = /[A-Za-z_][A-Za-z0-9_.\-*]*/y;
const DIGITS = /[0-9]+(?:\.[0-9]+)?/y;

class Parser {
  readonly #source: string;
  readonly #scope: Scope;
  #at = 0;
  #depth = 0;

  constructor(source: string, scope: Scope) {
    this.#source = source;
    this.#scope = scope;
  }

  /** Reads up to the end, or up to a closing quote, which is left. */
  text(quote: '"' | undefined): string {
    let out = '';
    while (this.#at < this.#source.length) {
      if (quote !== undefined && this.#source[this.#at] === quote) return out;
      if (this.#source.startsWith('$${', this.#at)) {
        out += '${';
        this.#at += 3;
      } else if (this.#source.startsWith('${', this.#at)) {
        this.#at += 2;
        out += String(this.#sum());
        this.#expect('}');
      } else if (quote !== undefined && this.#source[this.#at] === '\\') {
        out += this.#source[this.#at + 1] ?? '';
        this.#at += 2;
      } else out += this.#source[this.#at++];
    }
    if (quote !== undefined) throw this.#format('expected closing quote but found end of string');
    return out;
  }

  #sum(): Value {
    if (++this.#depth > EXPRESSION_DEPTH_MAX) throw this.#format('expression is nested too deeply');
    let left = this.#product();
    for (let op = this.#operator('+-'); op !== undefined; op = this.#operator('+-')) {
      left = this.#compute(op, left, this.#product());
    }
    this.#depth--;
    return left;
  }

  #product(): Value {
    let left = this.#operand();
    for (let op = this.#operator('*/%'); op !== undefined; op = this.#operator('*/%')) {
      left = this.#compute(op, left, this.#operand());
    }
    return left;
  }

  #compute(op: string, a: Value, b: Value): Value {
    const [x, y] = [this.#number(a), this.#number(b)];
    if (op === '+') return x + y;
    if (op === '-') return x - y;
    if (op === '*') return x * y;
    if (y === 0) throw new InterpolationError('evaluation', 'divide by zero');
    return op === '/' ? Math.trunc(x / y) : x % y;
  }

  #operand(): Value {
    this.#space();
    const next = this.#source[this.#at];
    if (next === '(') {
      this.#at++;
      const value = this.#sum();
      this.#expect(')');
      return value;
    }
    if (next === '"') {
      this.#at++;
      const value = this.text('"');
      this.#at++;
      return value;
    }
    const digits = this.#match(DIGITS);
    if (digits !== undefined) return Number(digits);
    const start = this.#at;
    const word = this.#match(WORD);
    if (word === undefined) throw this.#format(`expected expression but found ${this.#found()}`);
    this.#space();
    return this.#source[this.#at] === '(' ? this.#call(word, start) : this.#variable(word, start);
  }

  #variable(name: string, start: number): string {
    const { variables } = this.#scope;
    if (Object.hasOwn(variables, name)) return variables[name] as string;
    throw new InterpolationError('evaluation', `1:${start + 1}: unknown variable accessed: ${name}`);
  }

  #call(name: string, start: number): string {
    const { functions } = this.#scope;
    if (!Object.hasOwn(functions, name)) {
      throw new InterpolationError('evaluation', `1:${start + 1}: unknown function called: ${name}`);
    }
    this.#at++;
    const argument = this.#number(this.#sum());
    this.#expect(')');
    return (functions[name] as (argument: number) => string)(argument);
  }

  #number(value: Value): number {
    if (typeof value === 'number') return value;
    if (/^[+-]?[0-9]+$/.test(value)) return Number(value);
    throw new InterpolationError(
      'evaluation',
      `__builtin_StringToInt: strconv.ParseInt: parsing ${JSON.stringify(value)}: invalid syntax`,
    );
  }

  #operator(wanted: string): string | undefined {
    this.#space();
    const next = this.#source[this.#at];
    if (next === undefined || !wanted.includes(next)) return undefined;
    this.#at++;
    return next;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#source)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #space(): void {
    while (this.#source[this.#at] === ' ' || this.#source[this.#at] === '\t') this.#at++;
  }

  #expect(close: string): void {
    this.#space();
    if (this.#source[this.#at] !== close) throw this.#format(`expected "${close}" but found ${this.#found()}`);
    this.#at++;
  }

  #found(): string {
    const next = this.#source[this.#at];
    return next === undefined ? 'end of string' : JSON.stringify(next);
  }

  #format(what: string): InterpolationError {
    return new InterpolationError('format', `parse error at 1:${this.#at + 1}: ${what}`);
  }
}
