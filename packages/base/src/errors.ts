/** A fact that the code relies on does not hold: a bug in this program, never bad input. Stops the node. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/** Throws {@link InvariantError} unless `fact` holds. Always on; one fact for each call. */
export function invariant(fact: unknown, message: string): asserts fact {
  if (!fact) throw new InvariantError(message);
}

/** For the `default` of a switch over a union: a compile-time and a run-time check that every member was handled. */
export function unreachable(value: never, what = 'value'): never {
  throw new InvariantError(`unexpected ${what}: ${String(value)}`);
}

/**
 * Bad input or a remote fault. `code` is stable and made for programs; `message` is for people (and, at the edges,
 * part of the interface, since clients match on it).
 */
export class CodedError extends Error {
  override readonly name: string = 'CodedError';
  readonly code: string;
  readonly meta: Readonly<Record<string, unknown>>;
  constructor(code: string, message: string, meta: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.code = code;
    this.meta = meta;
  }
}

/** Bytes from the network or the disk that do not follow their format. */
export class ProtocolError extends CodedError {
  override readonly name = 'ProtocolError';
}

/** The text of anything thrown. */
export function errorText(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** Several errors in one message, as Consul lays them out: a count, one indented line each, a blank line. */
export function multiError(texts: readonly string[]): string {
  const count = texts.length === 1 ? '1 error occurred:' : `${texts.length} errors occurred:`;
  const lines = texts.map((text) => `\t* ${text}`);
  return `${count}\n${lines.join('\n')}\n\n`;
}
