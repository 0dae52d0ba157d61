import { ProtoWriter, protoFields, protoTexts } from '@proconsul/base';
import { type Caller, Operator } from '@proconsul/endpoints';
import type { GrpcMethod } from './grpc-server.ts';

export const OPERATOR_SERVICE = 'hashicorp.consul.internal.operator.OperatorService';
export const TRANSFER_LEADER_PATH = `/${OPERATOR_SERVICE}/TransferLeader`;

/**
 * By this agents hand the leadership over; there is no such call of RPC between agents of the reference.
 *     TransferLeaderRequest {1: ID} -> TransferLeaderResponse {1: Success}
 * Source: the port of a reference server, probed.
 */
export function operatorService(caller: Caller): ReadonlyMap<string, GrpcMethod> {
  return new Map([
    [
      'TransferLeader',
      async (request, call) => {
        const ID = protoTexts(request).get(1) ?? '';
        const done = await caller.write(Operator.TransferLeader, { Datacenter: '', Token: call.token, ID });
        await call.send(new ProtoWriter().bool(1, done).finish());
      },
    ],
  ]);
}

export const encodeTransfer = (id: string): Uint8Array => new ProtoWriter().text(1, id).finish();

/** Whether the leadership went over. Throws ProtocolError. */
export function decodeTransferred(reply: Uint8Array): boolean {
  for (const { field, value } of protoFields(reply)) if (field === 1) return value !== 0n;
  return false;
}
