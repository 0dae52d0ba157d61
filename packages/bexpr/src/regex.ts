import { RE2JS, RE2JSSyntaxException } from 're2js';

/** Longest pattern, in UTF-16 units. */
export const MAX_PATTERN_LENGTH = 4096;

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
  try {
    return RE2JS.compile(pattern);
  } catch (error) {
    if (!(error instanceof RE2JSSyntaxException)) throw error;
    // Go lets two groups have the same name.
    if (error.message.includes('duplicate capture group name')) return RE2JS.compile(withoutNames(pattern));
    // Go prints the offending part also when it is empty.
    throw new RegexError(error.message.endsWith('`') ? error.message : error.message + ': ``');
  }
}

/** Quoted runs, escapes and classes, which are left alone, and the heads of named groups. */
const NAMED_GROUPS = /\\Q[^]*?(?:\\E|$)|\\[^]|\[\^?\]?(?:\[:\^?[a-z]+:\]|\\[^]|[^\]\\])*\]|\(\?P?<\w+>/g;

function withoutNames(pattern: string): string {
  return pattern.replace(NAMED_GROUPS, (part) => (/^\(\?P?</.test(part) ? '(' : part));
}
