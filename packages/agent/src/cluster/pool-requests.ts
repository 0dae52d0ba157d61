import type { UserEvent } from '@proconsul/http-api';
import { EventFireRequest, KeyringRequest, SnapshotRequest } from '@proconsul/schema';
import { encodeEventPayload } from './event-payload.ts';
import type { KeyringOperation, SnapshotOptions } from './side.ts';

/** Requests that both kinds of agents make of servers. Servers of the reference want the datacenter named, ours too. */

export const eventRequest = (event: UserEvent, Datacenter: string, Token: string) =>
  EventFireRequest.make({ Datacenter, Token, Name: event.Name, Payload: encodeEventPayload(event), AllowStale: true });

export const keyringRequest = ({ op, key, relayFactor, localOnly, token }: KeyringOperation) =>
  KeyringRequest.make({ Operation: op, Key: key, RelayFactor: relayFactor, LocalOnly: localOnly, Token: token });

export const saveRequest = ({ stale, token }: SnapshotOptions, Datacenter: string) =>
  SnapshotRequest.make({ Datacenter, AllowStale: stale, Token: token });

export const restoreRequest = ({ token }: Omit<SnapshotOptions, 'stale'>, Datacenter: string) =>
  SnapshotRequest.make({ Datacenter, Token: token });
