/** From so many pairs on names are looked up in a table: every request asks for a dozen. */
const MANY_PAIRS = 16;

/** The query of a request: names with their values in the order they came. */
export class Query {
  readonly #pairs: readonly (readonly [string, string])[];
  /** First value of each name, once there are many. */
  #first: Map<string, string> | undefined;

  private constructor(pairs: readonly (readonly [string, string])[]) {
    this.#pairs = pairs;
  }

  static readonly EMPTY: Query = new Query([]);

  /**
   * Reads `a=1&b&c=x%20y`. Undefined when it is malformed: a bad escape, or a semicolon (which once separated pairs
   * and is refused since then). Source: WHATWG URL, application/x-www-form-urlencoded; behaviour recorded.
   */
  static parse(text: string): Query | undefined {
    if (text === '') return Query.EMPTY;
    const pairs: [string, string][] = [];
    for (const part of text.split('&')) {
      if (part === '') continue;
      if (part.includes(';')) return undefined;
      const eq = part.indexOf('=');
      const name = unescapeQuery(eq < 0 ? part : part.slice(0, eq));
      const value = unescapeQuery(eq < 0 ? '' : part.slice(eq + 1));
      if (name === undefined || value === undefined) return undefined;
      pairs.push([name, value]);
    }
    return new Query(pairs);
  }

  has(name: string): boolean {
    if (this.#pairs.length >= MANY_PAIRS) return this.#table().has(name);
    for (const [n] of this.#pairs) if (n === name) return true;
    return false;
  }

  /** The first value, or the empty text. */
  get(name: string): string {
    if (this.#pairs.length >= MANY_PAIRS) return this.#table().get(name) ?? '';
    for (const [n, v] of this.#pairs) if (n === name) return v;
    return '';
  }

  #table(): Map<string, string> {
    if (this.#first === undefined) {
      this.#first = new Map();
      for (const [n, v] of this.#pairs) if (!this.#first.has(n)) this.#first.set(n, v);
    }
    return this.#first;
  }

  all(name: string): string[] {
    const out: string[] = [];
    for (const [n, v] of this.#pairs) if (n === name) out.push(v);
    return out;
  }

  /** Sorted by name and escaped, as error texts print it. */
  encode(): string {
    const sorted = [...this.#pairs].sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0));
    return sorted.map(([n, v]) => `${escapeQuery(n)}=${escapeQuery(v)}`).join('&');
  }
}

function unescapeQuery(text: string): string | undefined {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text;
  return unescapePath(spaced);
}

/** Percent-decodes; bytes that are not UTF-8 become U+FFFD. Undefined for an escape that is none. */
export function unescapePath(text: string): string | undefined {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return lenient(text);
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const PERCENT = 0x25;

/** `decodeURIComponent` refuses bytes that are not UTF-8; only broken escapes are an error here. */
function lenient(text: string): string | undefined {
  const bytes = new Uint8Array(3 * text.length);
  let size = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit === PERCENT) {
      const digits = text.slice(i + 1, i + 3);
      if (!/^[0-9a-fA-F]{2}$/.test(digits)) return undefined;
      bytes[size++] = Number.parseInt(digits, 16);
      i += 2;
    } else if (unit < 0x80) bytes[size++] = unit;
    else {
      const character = String.fromCodePoint(text.codePointAt(i) as number);
      size += encoder.encodeInto(character, bytes.subarray(size)).written;
      i += character.length - 1;
    }
  }
  return decoder.decode(bytes.subarray(0, size));
}

function escapeQuery(text: string): string {
  return encodeURIComponent(text)
    .replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%20', '+');
}
