import { errorText } from '@proconsul/base';

/**
 * Compiles a regular expression of Go's syntax. The two languages agree on what people write in filters; inline flags
 * at the start, `\A`, `\z` and `(?P<name>` are translated.
 * Throws Error with Go's text. Source: recorded error texts; syntax documentation of RE2.
 */
export function goRegExp(source: string): RegExp {
  const wrong = faultOf(source);
  if (wrong !== undefined) throw new Error(`error parsing regexp: ${wrong}`);
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

/** Escapes that RE2 has. Source: syntax documentation of RE2. */
const ESCAPE =
  /^(?:[aftnrvdDsSwWbBAzCQEpP]|0[0-7]{0,2}|[1-7][0-7]{1,2}|x[0-9a-fA-F]{2}|x\{[0-9a-fA-F]+\}|[^A-Za-z0-9])/;
/** The most repetitions that RE2 takes. */
const REPEAT_MAX = 1000;

/** What Go refuses and JavaScript would take, or refuse for another reason. */
function faultOf(source: string): string | undefined {
  for (let at = source.indexOf('\\'); at >= 0; at = source.indexOf('\\', at + 2)) {
    const rest = source.slice(at + 1);
    if (rest !== '' && !ESCAPE.test(rest)) return `invalid escape sequence: \`\\${rest[0]}\``;
  }
  const plain = source.replaceAll(/\\./gs, '__').replaceAll(/\[\^?\]?[^\]]*\]/g, (set) => '_'.repeat(set.length));
  const repeat = [...plain.matchAll(/\{(\d+)(?:,(\d*))?\}/g)].find(
    ([, from, to]) =>
      Number(from) > REPEAT_MAX ||
      Number(to) > REPEAT_MAX ||
      (to !== undefined && to !== '' && Number(to) < Number(from)),
  );
  if (repeat) return `invalid repeat count: \`${repeat[0]}\``;
  const nested = /(?:[*+?]|\{\d+(?:,\d*)?\})\??(?:[*+]|\{\d+(?:,\d*)?\})|[*+?]\?\?/.exec(plain);
  if (nested) return `invalid nested repetition operator: \`${nested[0]}\``;
  const named = /\(\?P<(?!\w+>)[^>)]*>?/.exec(plain);
  return named ? `invalid named capture: \`${named[0]}\`` : undefined;
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
