import { CodedError } from '@proconsul/base';

/**
 * What went wrong in the pool. Codes: `KEY_SIZE`, `KEY_UNKNOWN`, `KEY_PRIMARY`, `NO_ADVERTISE`, `REFUSED` (a delegate or
 * the protocol versions refuse the other), `REMOTE` (the other side reports an error), `TIMEOUT`, `CLOSED`, `MERGE`.
 */
export class GossipError extends CodedError {
  override readonly name = 'GossipError';
}
