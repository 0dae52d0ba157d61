import type { Expression, Match, Operator } from './ast.ts';
import { Cursor } from './cursor.ts';
import { FilterError } from './errors.ts';
import { unescapeGo } from './go-text.ts';

/** Longest filter, in UTF-16 units. */
export const MAX_FILTER_LENGTH = 65_536;
/** Deepest nesting of parentheses and `not`. */
export const MAX_FILTER_DEPTH = 200;

const LETTER = /[a-zA-Z]/;
const WORD = /[a-zA-Z0-9_]/;
const DIGIT = /[0-9]/;

/**
 * Parses a filter. Throws {@link FilterError} FILTER_SYNTAX with the text of Consul's parser, FILTER_LIMIT beyond the
 * bounds above.
 *     or := and {"or" and} · and := not {"and" not} · not := "not" not | "(" or ")" | match
 *     match := selector ("==" | "!=" | contains | matches) value | selector is empty | value in selector
 */
export function parseFilter(text: string): Expression {
  if (text.length > MAX_FILTER_LENGTH) {
    throw new FilterError('FILTER_LIMIT', `filter is longer than ${MAX_FILTER_LENGTH} characters`);
  }
  return new Parser(text).parse();
}

class Parser {
  readonly #in: Cursor;
  #depth = 0;

  constructor(text: string) {
    this.#in = new Cursor(text);
  }

  parse(): Expression {
    this.#in.space();
    const expression = this.#or();
    if (expression !== undefined) {
      this.#in.space();
      if (this.#in.end() && !this.#in.hasComplaints) return expression;
    }
    throw this.#in.error();
  }

  #or(): Expression | undefined {
    return this.#chain('or', () => this.#and());
  }

  #and(): Expression | undefined {
    return this.#chain('and', () => this.#not());
  }

  /** Operands joined by `word`. What follows the last whole operand is left for others to judge. */
  #chain(word: 'and' | 'or', operand: () => Expression | undefined): Expression | undefined {
    const first = operand();
    if (first === undefined) return undefined;
    const operands = [first];
    for (;;) {
      const before = this.#in.at;
      const next = this.#words(word) ? operand() : undefined;
      if (next === undefined) {
        this.#in.at = before;
        return operands.length === 1 ? first : { kind: word, operands };
      }
      operands.push(next);
    }
  }

  #not(): Expression | undefined {
    if (++this.#depth > MAX_FILTER_DEPTH) {
      throw new FilterError('FILTER_LIMIT', `filter is nested more than ${MAX_FILTER_DEPTH} deep`);
    }
    const start = this.#in.at;
    let found: Expression | undefined;
    if (this.#in.literal('not') && this.#in.space()) {
      const operand = this.#not();
      if (operand !== undefined) found = { kind: 'not', operand };
    }
    if (found === undefined) {
      this.#in.at = start;
      found = this.#group() ?? this.#match();
    }
    this.#depth--;
    return found;
  }

  #group(): Expression | undefined {
    const start = this.#in.at;
    if (!this.#in.literal('(')) return undefined;
    this.#in.space();
    const inner = this.#or();
    if (inner !== undefined) {
      this.#in.space();
      if (this.#in.literal(')')) return inner;
      this.#in.complain('grouping', 'Unmatched parentheses');
    }
    this.#in.at = start;
    return undefined;
  }

  #match(): Match | undefined {
    const start = this.#in.at;
    const selector = this.#selector();
    if (selector !== undefined) {
      const afterSelector = this.#in.at;
      const operator = this.#valueOperator();
      const value = operator === undefined ? undefined : this.#value();
      if (operator !== undefined && value !== undefined) return { kind: 'match', selector, operator, value };
      this.#in.at = afterSelector;
      const emptiness = this.#emptiness();
      if (emptiness !== undefined) return { kind: 'match', selector, operator: emptiness, value: '' };
    }
    this.#in.at = start;
    return this.#membership();
  }

  /** `value in selector`. */
  #membership(): Match | undefined {
    const start = this.#in.at;
    const value = this.#value();
    if (value !== undefined) {
      const operator = this.#either([['in', ''], 'In'], [['not', 'in', ''], 'Not In']);
      if (operator !== undefined) {
        const selector = this.#selector();
        if (selector !== undefined) return { kind: 'match', selector, operator, value };
        this.#in.complain('match', 'Invalid selector');
      }
    }
    this.#in.at = start;
    return undefined;
  }

  /** An operator between a selector and a value, with the white space around it. */
  #valueOperator(): Operator | undefined {
    for (const [sign, operator] of SIGNS) {
      const isHere = this.#in.all(
        () => this.#in.space() || true,
        () => this.#in.literal(sign),
      );
      if (!isHere) continue;
      this.#in.space();
      return operator;
    }
    return this.#either(
      [['contains', ''], 'In'],
      [['not', 'contains', ''], 'Not In'],
      [['matches', ''], 'Matches'],
      [['not', 'matches', ''], 'Not Matches'],
    );
  }

  #emptiness(): Operator | undefined {
    return this.#either([['is', 'empty'], 'Is Empty'], [['is', 'not', 'empty'], 'Is Not Empty']);
  }

  #either(...choices: readonly (readonly [words: readonly string[], operator: Operator])[]): Operator | undefined {
    for (const [words, operator] of choices) {
      const parts = words.map((word) => () => this.#in.space() && (word === '' || this.#in.literal(word)));
      if (this.#in.all(...parts)) return operator;
    }
    return undefined;
  }

  /** One word with white space on both sides. */
  #words(word: string): boolean {
    return this.#in.space() && this.#in.literal(word) && this.#in.space();
  }

  #selector(): string[] | undefined {
    const first = this.#identifier();
    if (first === undefined) return undefined;
    const names = [first];
    for (;;) {
      const before = this.#in.at;
      const name = (this.#in.literal('.') ? this.#identifier() : undefined) ?? this.#indexFrom(before);
      if (name === undefined) return names;
      names.push(name);
    }
  }

  #identifier(): string | undefined {
    const start = this.#in.at;
    if (!this.#in.one(LETTER, '[a-zA-Z]')) return undefined;
    this.#in.many(WORD, '[a-zA-Z0-9_]');
    return this.#in.text.slice(start, this.#in.at);
  }

  /** `["any key"]` at `start`, where the position is put if there is none. */
  #indexFrom(start: number): string | undefined {
    this.#in.at = start;
    if (!this.#in.literal('[')) return undefined;
    this.#in.space();
    const key = this.#string();
    if (key !== undefined) {
      this.#in.space();
      if (this.#in.literal(']')) return key;
    }
    this.#in.complain('index', key === undefined ? 'Invalid index' : 'Unclosed index expression');
    this.#in.at = start;
    return undefined;
  }

  /** A bare word (read as a selector, its parts joined by dots), a number or a string. */
  #value(): string | undefined {
    return this.#selector()?.join('.') ?? this.#number() ?? this.#string();
  }

  #number(): string | undefined {
    const start = this.#in.at;
    this.#in.literal('-');
    if (!this.#in.literal('0')) {
      if (!this.#in.one(/[1-9]/, '[1-9]')) {
        this.#in.at = start;
        return undefined;
      }
      this.#in.many(DIGIT, '[0-9]');
    }
    this.#fraction();
    const end = this.#in.at;
    const isWhole = this.#in.space() || this.#in.end() || this.#in.literal(')');
    this.#in.at = end;
    if (isWhole) return this.#in.text.slice(start, end);
    this.#in.complain('number', 'Invalid number literal');
    this.#in.at = start;
    return undefined;
  }

  #fraction(): void {
    const start = this.#in.at;
    if (!this.#in.literal('.')) return;
    if (this.#in.one(DIGIT, '[0-9]')) this.#in.many(DIGIT, '[0-9]');
    else this.#in.at = start;
  }

  #string(): string | undefined {
    const start = this.#in.at;
    const quote = ['`', '"'].find((q) => this.#in.literal(q));
    if (quote === undefined) return undefined;
    const end = this.#in.text.indexOf(quote, this.#in.at);
    if (end < 0) {
      this.#in.complain('string', 'Unterminated string literal', this.#in.text.length);
      this.#in.at = start;
      return undefined;
    }
    const body = this.#in.text.slice(this.#in.at, end);
    this.#in.at = end + 1;
    if (quote === '`') return body.replaceAll('\r', ''); // As in Go's raw strings.
    const text = unescapeGo(body);
    if (text === undefined) this.#in.complain('string', 'invalid syntax', start);
    return text ?? '';
  }
}

const SIGNS: readonly (readonly [sign: string, operator: Operator])[] = [
  ['==', 'Equal'],
  ['!=', 'Not Equal'],
];
