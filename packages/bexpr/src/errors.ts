/** What the HTTP interface puts before the message of a {@link FilterError}. */
export const FILTER_ERROR_PREFIX = 'Failed to create boolean expression evaluator: ';

export type FilterErrorCode = 'FILTER_SYNTAX' | 'FILTER_SELECTOR' | 'FILTER_OPERATOR' | 'FILTER_VALUE' | 'FILTER_LIMIT';

/** A filter that cannot be used. `message` is Consul's text without the prefix. */
export class FilterError extends Error {
  override readonly name = 'FilterError';
  readonly code: FilterErrorCode;
  constructor(code: FilterErrorCode, message: string) {
    super(message);
    this.code = code;
  }

  /** The whole text that clients see where the filter is checked before any record. */
  get text(): string {
    return FILTER_ERROR_PREFIX + this.message;
  }
}
