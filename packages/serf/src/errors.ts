import { CodedError } from '@proconsul/base';

export type SerfErrorCode =
  | 'NOT_ALIVE'
  | 'EVENT_TOO_LARGE'
  | 'QUERY_TOO_LARGE'
  | 'RESPONSE_TOO_LARGE'
  | 'RESPONSE_TOO_LATE'
  | 'ALREADY_RESPONDED'
  | 'RESERVED_NAME'
  | 'TOO_MANY_QUERIES'
  | 'TAGS_TOO_LARGE'
  | 'BAD_KEY'
  | 'NOT_ENCRYPTED'
  | 'COORDINATE';

/** What Serf refuses to do. `message` is the text that the reference's commands show. Source: recorded by running them. */
export class SerfError extends CodedError {
  override readonly name = 'SerfError';
  declare readonly code: SerfErrorCode;
  constructor(code: SerfErrorCode, message: string) {
    super(code, message);
  }
}
