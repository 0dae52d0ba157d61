import { toBase64 } from './base64.ts';
import type { Http } from './http.ts';
import { encodeJson, parseJson } from './json.ts';
import { decodePair, type RawKVPair } from './kv.ts';
import type { ReadOptions } from './query.ts';
import type { TxnOperation, TxnOutcome, TxnResult } from './types.ts';

type RawResult = Omit<TxnResult, 'KV'> & { KV?: RawKVPair };

/**
 * Applies up to 128 operations as one: all of them, or none. Batches that only read may be stale or consistent.
 * Source: HTTP API documentation, transactions.
 */
export async function applyTxn(
  http: Http,
  operations: readonly TxnOperation[],
  options: ReadOptions = {},
): Promise<TxnOutcome> {
  const response = await http.send(
    {
      method: 'PUT',
      path: '/v1/txn',
      params: http.paramsOf(options),
      token: options.token,
      signal: options.signal,
      body: new TextEncoder().encode(encodeJson(operations.map(encodeOperation))),
    },
    [409],
  );
  const answer = parseJson(await http.text(response)) as {
    Results: RawResult[] | null;
    Errors: { OpIndex: number; What: string }[] | null;
  };
  if (response.status === 409) return { ok: false, errors: answer.Errors ?? [] };
  return { ok: true, results: (answer.Results ?? []).map(decodeResult) };
}

function encodeOperation(operation: TxnOperation): unknown {
  if (!operation.KV) return operation;
  const { Value, ...rest } = operation.KV;
  return { KV: Value === undefined ? rest : { ...rest, Value: toBase64(Value) } };
}

function decodeResult(raw: RawResult): TxnResult {
  const { KV, ...rest } = raw;
  return KV ? { ...rest, KV: decodePair(KV) } : rest;
}
