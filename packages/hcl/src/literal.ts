import type { HclLiteral } from './ast.ts';
import { HclError } from './errors.ts';
import type { Token } from './token.ts';

const INT_MAX = 2n ** 63n - 1n;
const INT_MIN = -(2n ** 63n);

/** The value of a literal token. Throws HclError HCL_NUMBER with Go's text for a number that does not convert. */
export function literalOf(token: Token): HclLiteral {
  const { text: raw, position } = token;
  switch (token.type) {
    case 'NUMBER':
      return { type: 'int', value: parseInteger(token), raw, position };
    case 'FLOAT':
      return { type: 'float', value: parseFloat64(token), raw, position };
    case 'BOOL':
      return { type: 'bool', value: raw === 'true', raw, position };
    case 'HEREDOC':
      return { type: 'string', value: unwrapHeredoc(raw), raw, position };
    default:
      return { type: 'string', value: unquote(raw), raw, position };
  }
}

/** An integer in Go's notation (decimal, 0x, leading 0 for octal). Throws HclError HCL_NUMBER. */
export function parseInteger(token: Pick<Token, 'text' | 'position'>): number | bigint {
  const match = /^(-?)(?:0[xX]([0-9a-fA-F]+)|(0[0-7]*)|([1-9][0-9]*))$/.exec(token.text);
  if (!match) throw numberError('ParseInt', token, 'invalid syntax');
  const [, sign, hex, octal, decimal] = match;
  const size = BigInt(hex !== undefined ? `0x${hex}` : decimal !== undefined ? decimal : `0o${octal}`);
  const value = sign === '-' ? -size : size;
  if (value > INT_MAX || value < INT_MIN) throw numberError('ParseInt', token, 'value out of range');
  const small = Number(value);
  return Number.isSafeInteger(small) ? small || 0 : value;
}

function parseFloat64(token: Token): number {
  if (!/^-?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$/.test(token.text))
    throw numberError('ParseFloat', token, 'invalid syntax');
  const value = Number(token.text);
  if (!Number.isFinite(value)) throw numberError('ParseFloat', token, 'value out of range');
  return value;
}

function numberError(fn: string, token: Pick<Token, 'text' | 'position'>, reason: string): HclError {
  const message = `strconv.${fn}: parsing ${JSON.stringify(token.text)}: ${reason}`;
  return new HclError('HCL_NUMBER', message, token.position);
}

const SHORT: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  '"': '"',
};
const ESCAPE = /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|([abfnrtv\\"]))/y;

/** The text of a quoted string: escapes replaced outside `${...}`, kept as written inside. */
export function unquote(raw: string): string {
  let out = '';
  let braces = 0;
  const end = raw.length - 1;
  for (let at = 1; at < end; at++) {
    const c = raw[at]!;
    if (braces > 0) {
      if (c === '{') braces++;
      else if (c === '}') braces--;
      out += c;
    } else if (c === '\\') {
      ESCAPE.lastIndex = at;
      const match = ESCAPE.exec(raw);
      if (!match) continue; // The scanner has reported it.
      out += decodeEscape(match);
      at += match[0].length - 1;
    } else if (c === '$' && raw[at + 1] === '{') {
      out += '${';
      at++;
      braces = 1;
    } else out += c;
  }
  return out;
}

function decodeEscape([, hex, u4, u8, octal, short]: RegExpExecArray): string {
  if (short !== undefined) return SHORT[short]!;
  if (octal !== undefined) return String.fromCodePoint(Number.parseInt(octal, 8) & 0xff);
  const code = Number.parseInt(hex ?? u4 ?? u8 ?? '', 16);
  return code <= 0x10ffff ? String.fromCodePoint(code) : '\ufffd';
}

/**
 * The lines between the markers. `<<-` removes the indentation of the closing marker from every line, but only if
 * every line has it; without the dash the closing marker's own indentation stays at the end of the text.
 */
export function unwrapHeredoc(raw: string): string {
  const firstLine = raw.indexOf('\n');
  if (firstLine < 0) return ''; // The scanner has reported it.
  const lastLine = raw.lastIndexOf('\n') + 1;
  const body = raw.slice(firstLine + 1, lastLine);
  const indent = /^[ \t]*/.exec(raw.slice(lastLine))![0];
  if (raw[2] !== '-') return body + indent;
  const lines = body.split('\n').slice(0, -1);
  if (!lines.every((line) => line.startsWith(indent))) return body;
  return lines.map((line) => `${line.slice(indent.length)}\n`).join('');
}
