import { CodedError } from '@proconsul/base';

/** A place in a configuration file. Lines and columns count from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** More about one error than Consul tells: where, and what was probably meant. */
export interface ErrorDetail {
  /** What is wrong, a part of the message. */
  readonly text: string;
  readonly place?: Place;
  /** The nearest key that exists. */
  readonly suggestion?: string;
}

/**
 * Configuration that cannot be used. `message` is byte for byte what Consul prints after `==> ` (agent) or
 * `Config validation failed: ` (validate); `details` say where to look.
 */
export class ConfigError extends CodedError {
  override readonly name = 'ConfigError';
  readonly details: readonly ErrorDetail[];
  constructor(message: string, details: readonly ErrorDetail[] = []) {
    super('CONFIG', message);
    this.details = details;
  }
}

/** One line for people: `  at web.hcl:3:5, did you mean "port"?`. Undefined when there is nothing to add. */
export function describeDetail({ place, suggestion }: ErrorDetail): string | undefined {
  const at = place && `at ${place.file}:${place.line}:${place.column}`;
  const meant = suggestion === undefined ? undefined : `did you mean ${JSON.stringify(suggestion)}?`;
  const parts = [at, meant].filter((part) => part !== undefined);
  return parts.length === 0 ? undefined : `  ${parts.join(', ')}`;
}
