import { CodedError } from '@proconsul/base';

/** Where something stands in a text. Lines and columns count from 1; a column is one character (code point). */
export interface Position {
  /** UTF-16 index into the text, from 0. */
  readonly offset: number;
  readonly line: number;
  readonly column: number;
}

export type HclErrorCode = 'HCL_SYNTAX' | 'HCL_NUMBER' | 'HCL_REPEATED_KEY' | 'HCL_LIMIT';

/**
 * A text that is not HCL. `message` is what Consul prints for the same text (`At 2:1: illegal char`), since operators
 * and tools match on it. Source: recorded output of the reference agent's `validate`.
 */
export class HclError extends CodedError {
  override readonly name = 'HclError';
  /** Where to look. The message's own position may stand one or two columns further when the text ends too early. */
  readonly position: Position;
  constructor(code: HclErrorCode, message: string, position: Position) {
    super(code, message, { line: position.line, column: position.column });
    this.position = position;
  }
}

/** An error whose message starts with its position, as most do. */
export function errorAt(position: Position, message: string, code: HclErrorCode = 'HCL_SYNTAX'): HclError {
  return new HclError(code, `At ${position.line}:${position.column}: ${message}`, position);
}
