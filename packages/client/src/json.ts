/** Integers beyond 2^53 (KV flags are 64 bits wide) arrive as bigint; all others as number. */
export type Uint64 = number | bigint;

const BIG_INTEGER = /(?<![\d.eE+"\\])-?\d{16,}(?![\d.eE])/;
/** Strings first, so that digits inside them are left alone; then integers of 16 digits or more, which are no part of a fraction. */
const TOKENS = /"(?:[^"\\]|\\.)*"|(?<![\d.eE+-])-?\d{16,}(?![\d.eE])/g;
const MARK = '\u0000big:';

/**
 * JSON.parse that keeps 64-bit integers exact: an integer that a double cannot hold becomes a bigint.
 * Throws SyntaxError on anything that is not JSON.
 */
export function parseJson(text: string): unknown {
  if (!BIG_INTEGER.test(text)) return JSON.parse(text);
  let marked = false;
  const prepared = text.replace(TOKENS, (token) => {
    if (token[0] === '"' || Number.isSafeInteger(Number(token))) return token;
    marked = true;
    return JSON.stringify(MARK + token);
  });
  if (!marked) return JSON.parse(text);
  return JSON.parse(prepared, (_key, value) =>
    typeof value === 'string' && value.startsWith(MARK) ? BigInt(value.slice(MARK.length)) : value,
  );
}

/** JSON.stringify that writes bigint as a plain integer and leaves out undefined members. */
export function encodeJson(value: unknown): string {
  if (typeof value === 'bigint') return value.toString();
  if (Array.isArray(value)) return `[${value.map((v) => (v === undefined ? 'null' : encodeJson(v))).join(',')}]`;
  if (value !== null && typeof value === 'object') {
    const members: string[] = [];
    for (const [k, v] of Object.entries(value)) {
      if (v !== undefined) members.push(`${JSON.stringify(k)}:${encodeJson(v)}`);
    }
    return `{${members.join(',')}}`;
  }
  return JSON.stringify(value) ?? 'null';
}

/** A decimal index of up to 64 bits; undefined when the text is not one. */
export function parseUint64(text: string | undefined): Uint64 | undefined {
  if (text === undefined || !/^\d{1,20}$/.test(text)) return undefined;
  const n = Number(text);
  return Number.isSafeInteger(n) ? n : BigInt(text);
}
