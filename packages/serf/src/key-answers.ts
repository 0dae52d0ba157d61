import { errorText, type Log } from '@proconsul/base';
import type { Keyring } from '@proconsul/gossip';
import { toBase64 } from './base64.ts';
import type { IncomingQuery } from './events.ts';
import { decodeKeyRequest, encodeKeyResponse, InternalQuery, type KeyResponseMessage } from './key-messages.ts';

export interface KeyAnswersDependencies {
  readonly log: Log;
  /** Undefined when the pool is not encrypted. */
  readonly keyring: Keyring | undefined;
  /** Makes a change of the keys durable. A rejection is reported to who asked. */
  readonly save: (keys: readonly string[]) => void | Promise<void>;
  /** Whether a response with that payload fits into its message. */
  readonly fits: (payload: Uint8Array) => boolean;
}

const FAILED = 'Failed to';

/** Keys of the ring as base64, the primary first. */
export function keysOf(keyring: Keyring): string[] {
  return keyring.keys.map(toBase64);
}

/** What the keyring file of an agent holds. Source: recorded files of the reference. */
export function encodeKeyringFile(keys: readonly string[]): string {
  return JSON.stringify(keys, null, 2);
}

/**
 * Answers the queries that change or list the keys of every member. Texts of log and answers: recorded by running the
 * reference.
 */
export async function answerKeyQuery(query: IncomingQuery, d: KeyAnswersDependencies): Promise<Uint8Array | undefined> {
  const operation = query.name.slice(InternalQuery.prefix.length);
  if (query.name === InternalQuery.listKeys) return listKeys(d);
  const verb = VERBS[operation];
  if (verb === undefined) return undefined;
  d.log.info(`serf: Received ${operation} query`);
  const fail = (text: string, log: string) => {
    d.log.error(`serf: ${log}`);
    return encodeKeyResponse({ ...NOTHING, Message: text });
  };
  if (d.keyring === undefined) return fail(NO_KEYRING, NO_KEYRING);
  try {
    verb.apply(d.keyring, decodeKeyRequest(query.payload));
  } catch (error) {
    return fail(errorText(error), `${verb.failed}: ${errorText(error)}`);
  }
  try {
    await d.save(keysOf(d.keyring));
  } catch (error) {
    return fail(errorText(error), `${FAILED} write keyring file: ${errorText(error)}`);
  }
  return encodeKeyResponse({ ...NOTHING, Result: true });
}

interface Verb {
  readonly failed: string;
  readonly apply: (ring: Keyring, key: Uint8Array) => void;
}

const VERBS: Readonly<Record<string, Verb | undefined>> = {
  'install-key': { failed: `${FAILED} install key`, apply: (ring, key) => ring.add(key) },
  'use-key': { failed: `${FAILED} change primary key`, apply: (ring, key) => ring.use(key) },
  'remove-key': { failed: `${FAILED} remove key`, apply: (ring, key) => ring.remove(key) },
};

const NO_KEYRING = 'No keyring to modify (encryption not enabled)';
const EMPTY_KEYRING = 'Keyring is empty (encryption not enabled)';
const NOTHING: KeyResponseMessage = { Keys: null, Message: '', PrimaryKey: '', Result: false };

function listKeys(d: KeyAnswersDependencies): Uint8Array {
  d.log.info('serf: Received list-keys query');
  const keys = d.keyring === undefined ? [] : keysOf(d.keyring);
  if (keys.length === 0) {
    d.log.error(`serf: ${EMPTY_KEYRING}`);
    return encodeKeyResponse({ ...NOTHING, Message: EMPTY_KEYRING });
  }
  const response = { ...NOTHING, Keys: keys, PrimaryKey: keys[0] as string, Result: true };
  for (let shown = keys.length; shown >= 0; shown--) {
    const Message =
      shown === keys.length ? '' : `truncated key list response, showing first ${shown} of ${keys.length} keys`;
    const payload = encodeKeyResponse({ ...response, Keys: keys.slice(0, shown), Message });
    if (d.fits(payload)) {
      if (shown < keys.length) d.log.warn(`serf: ${Message}`);
      return payload;
    }
  }
  return encodeKeyResponse({ ...NOTHING, Message: 'key list does not fit into a response' });
}
