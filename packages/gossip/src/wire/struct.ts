import { ProtocolError } from '@proconsul/base';
import { Reader, Writer } from '@proconsul/msgpack';

/** How a field is written. `?` at the end: left out when it is empty. */
export type FieldKind = 'string' | 'bytes' | 'bool' | 'u8' | 'u16' | 'u32' | 'string?' | 'bytes?' | 'u16?';

type Fields = Readonly<Record<string, FieldKind>>;

type ValueOf<K extends FieldKind> = K extends 'string' | 'string?'
  ? string
  : K extends 'bytes' | 'bytes?'
    ? Uint8Array | null
    : K extends 'bool'
      ? boolean
      : number;

/** The value that a table of fields describes. */
export type StructOf<F extends Fields> = { readonly [N in keyof F]: ValueOf<F[N]> };

const MAX: Readonly<Record<string, number>> = { u8: 0xff, u16: 0xffff, u32: 0xffff_ffff };

/**
 * A Go struct as this code base writes it: a map whose keys are the names of the fields, sorted by byte. Readers take
 * the fields in any order, pass over unknown ones and put the zero value for what is nil or not there.
 * Throws ProtocolError for a value of the wrong kind or out of range. Source: gossip wire, section 1.
 */
export class Struct<F extends Fields> {
  readonly #names: readonly string[];
  readonly #fields: ReadonlyMap<string, { readonly base: string; readonly isOptional: boolean }>;
  readonly #zero: Readonly<Record<string, unknown>>;

  constructor(fields: F) {
    this.#names = Object.keys(fields).sort();
    const table = new Map<string, { base: string; isOptional: boolean }>();
    const zero: Record<string, unknown> = {};
    for (const name of this.#names) {
      const kind = fields[name] as string;
      const base = kind.replace('?', '');
      table.set(name, { base, isOptional: base !== kind });
      zero[name] = base === 'string' ? '' : base === 'bytes' ? null : base === 'bool' ? false : 0;
    }
    this.#fields = table;
    this.#zero = zero;
  }

  write(w: Writer, value: StructOf<F>): void {
    const record = value as Readonly<Record<string, unknown>>;
    const present = this.#names.filter((name) => !this.#fields.get(name)!.isOptional || !isEmpty(record[name]));
    w.mapHeader(present.length);
    for (const name of present) {
      w.key(name);
      const item = record[name];
      if (typeof item === 'string') w.str(item);
      else if (typeof item === 'number') w.uint(item);
      else if (typeof item === 'boolean') w.bool(item);
      else w.bytes(item as Uint8Array | null);
    }
  }

  read(r: Reader): StructOf<F> {
    const out: Record<string, unknown> = { ...this.#zero };
    for (let pairs = r.mapHeader(); pairs > 0; pairs--) {
      const name = r.key();
      const field = this.#fields.get(name);
      if (field === undefined) r.skip();
      else if (!r.isNil()) out[name] = readField(r, field.base, name);
    }
    return out as StructOf<F>;
  }

  /** A message: its type, then the struct. */
  encode(type: number, value: StructOf<F>): Uint8Array {
    const w = new Writer('gossip', 128);
    w.byte(type);
    this.write(w, value);
    return w.finish();
  }

  /** Of a message with its type byte in front. Bytes after the struct are passed over. */
  decode(message: Uint8Array): StructOf<F> {
    return this.read(new Reader(message, 1));
  }
}

function isEmpty(item: unknown): boolean {
  return item === null || item === '' || item === 0 || (item instanceof Uint8Array && item.length === 0);
}

function readField(r: Reader, base: string, name: string): unknown {
  if (base === 'string') return r.str();
  if (base === 'bytes') return r.bytes();
  if (base === 'bool') return r.bool();
  const value = r.int();
  if (value < 0 || value > MAX[base]!) {
    throw new ProtocolError('GOSSIP_RANGE', `${name} out of range: ${value}`, { name, value });
  }
  return value;
}
