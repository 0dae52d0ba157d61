import { errorText } from '@proconsul/base';

/**
 * Compiles a regular expression of Go's syntax. The two languages agree on what people write in filters; inline flags
 * at the start, `\A`, `\z` and `(?P<name>` are translated.
 * Throws Error with Go's text. Source: recorded error texts; syntax documentation of RE2.
 */
export function goRegExp(source: string): RegExp {
  const flags = /^\(\?([ims]+)\)/.exec(source);
  const body = (flags ? source.slice(flags[0].length) : source)
    .replaceAll('(?P<', '(?<')
    .replace(/\\A/g, '^')
    .replace(/\\z/g, '$')
    .replace(/\[\[:(alpha|digit|alnum|space|upper|lower):\]\]/g, (_m, name: string) => `[${CLASSES[name]}]`);
  try {
    return new RegExp(body, flags?.[1] ?? '');
  } catch (error) {
    throw new Error(`error parsing regexp: ${reasonOf(source, errorText(error))}`);
  }
}

const CLASSES: Readonly<Record<string, string>> = {
  alpha: 'A-Za-z',
  digit: '0-9',
  alnum: '0-9A-Za-z',
  space: '\\s',
  upper: 'A-Z',
  lower: 'a-z',
};

function reasonOf(source: string, text: string): string {
  if (/Unterminated character class/.test(text)) {
    return `missing closing ]: \`${source.slice(source.lastIndexOf('['))}\``;
  }
  if (/Unterminated group/.test(text)) return `missing closing ): \`${source}\``;
  if (/Unmatched '\)'/.test(text)) return `unexpected ): \`${source}\``;
  if (/Nothing to repeat/.test(text)) {
    return `missing argument to repetition operator: \`${/[*+?]/.exec(source)?.[0] ?? source}\``;
  }
  if (/\\ at end of pattern/.test(text)) return 'trailing backslash at end of expression: ``';
  if (/Range out of order/.test(text)) {
    return `invalid character class range: \`${/[^[]-[^\]]/.exec(source)?.[0] ?? source}\``;
  }
  return `invalid or unsupported Perl syntax: \`${source}\``;
}
