import { RE2JS, RE2JSSyntaxException } from 're2js';

/** Longest pattern, in UTF-16 units. */
export const MAX_PATTERN_LENGTH = 2048;
/**
 * Largest program that counted repetitions may make of a pattern: its length times the product of its counts (which
 * the engine stops at 1000). Keeps compilation within tens of milliseconds.
 */
export const MAX_REPEATED_SIZE = 100_000;
const MAX_COUNT = 1000;
/**
 * Instructions of the compiled program beyond one for each character: what counted repetitions add. Larger ones leave the engine's
 * fast ways, and cost a hundred milliseconds for each text of 500 characters.
 */
export const MAX_REPEATED_INSTRUCTIONS = 1200;
/** Classes in brackets, and classes of Unicode, of one pattern: each costs the engine as much as many other characters. */
export const MAX_BRACKETS = 1000;
export const MAX_UNICODE_CLASSES = 64;

/** A pattern that cannot be used. `message` is the text of Go's regexp package. */
export class RegexError extends Error {
  override readonly name = 'RegexError';
}

/** A compiled pattern. */
export interface Regex {
  /** Whether the pattern matches anywhere in the text. */
  test(text: string): boolean;
  /** The first match and its groups, null for groups that took no part; null when nothing matches. */
  groups(text: string): readonly (string | null)[] | null;
}

/**
 * Compiles a pattern of Go's syntax (RE2). Matching takes time linear in the text, whatever the pattern: patterns come
 * from users. Throws {@link RegexError}.
 */
export function compileRegex(pattern: string): Regex {
  if (pattern.length > MAX_PATTERN_LENGTH) {
    throw new RegexError(`error parsing regexp: expression is longer than ${MAX_PATTERN_LENGTH} characters`);
  }
  const compiled = compile(pattern);
  return {
    test: (text) => compiled.test(text),
    groups: (text) => {
      const matcher = compiled.matcher(text);
      if (!matcher.find()) return null;
      return Array.from({ length: matcher.groupCount() + 1 }, (_, i) => matcher.group(i));
    },
  };
}

function compile(pattern: string): RE2JS {
  if (pattern.length * repetitions(pattern) > MAX_REPEATED_SIZE || hasTooManyClasses(pattern)) {
    throw tooLarge();
  }
  try {
    const compiled = RE2JS.compile(pattern);
    if (compiled.programSize() > pattern.length + MAX_REPEATED_INSTRUCTIONS) throw tooLarge();
    return compiled;
  } catch (error) {
    if (!(error instanceof RE2JSSyntaxException)) throw error;
    const nameless = withoutNames(pattern);
    // Go lets two groups have the same name.
    if (error.message.includes('duplicate capture group name') && nameless !== pattern) return compile(nameless);
    // Go prints the offending part also when it is empty.
    throw new RegexError(error.message.endsWith('`') ? error.message : error.message + ': ``');
  }
}

const tooLarge = (): RegexError => new RegexError('error parsing regexp: expression too large');

function hasTooManyClasses(pattern: string): boolean {
  // Short ones cannot have them.
  if (pattern.length <= 2 * MAX_UNICODE_CLASSES) return false;
  return pattern.split('[').length > MAX_BRACKETS || pattern.split(/\\[pP]/).length > MAX_UNICODE_CLASSES;
}

/** Product of the counts in `{n}` and `{n,m}`, at most the largest count that the engine takes. */
function repetitions(pattern: string): number {
  let product = 1;
  for (const [, least, most] of pattern.matchAll(/\{(\d+)(?:,(\d*))?\}/g)) {
    product = Math.min(MAX_COUNT, product * Math.max(1, Number(least), Number(most ?? 0)));
  }
  return product;
}

/** Quoted runs, escapes and classes, which are left alone, and the heads of named groups. */
const NAMED_GROUPS = /\\Q.*?(?:\\E|$)|\\.|\[\^?\]?(?:\[:\^?[a-z]+:\]|\\.|[^\]\\])*\]|\(\?P?<\w+>/gs;

function withoutNames(pattern: string): string {
  return pattern.replace(NAMED_GROUPS, (part) => (/^\(\?P?</.test(part) ? '(' : part));
}
