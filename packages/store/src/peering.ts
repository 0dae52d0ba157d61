import { concatBytes, type ProtoField } from '@proconsul/base';
import { Reader, Writer } from '@proconsul/msgpack';
import { MessageType } from '@proconsul/schema';
import type { Journal } from './journal.ts';
import { type OpaqueKind, PEERING_SECRETS, PEERINGS, TRUST_BUNDLES } from './opaque-table.ts';
import {
  protoBytes,
  protoBytesField,
  protoFields,
  protoMessage,
  protoNumber,
  protoNumberField,
  protoReplaced,
  protoText,
} from './protobuf.ts';
import type { ApplyResult } from './result.ts';
import type { State } from './state.ts';

/*
 * Peerings with other clusters, the certificates that their members show, and the secrets by which both sides know each other.
 * Nothing here opens a peering: this server keeps what others write, so that its state is theirs.
 * Source: commands recorded from a leader of the reference, and snapshots of a follower of it before and after each
 * command, right and wrong ones.
 */

/** Numbers of fields. Source: recorded records. */
const PEERING = {
  ID: 1,
  Name: 2,
  DeletedAt: 4,
  State: 6,
  PeerCAPems: 8,
  PeerServerAddresses: 10,
  CreateIndex: 11,
  ModifyIndex: 12,
  StreamStatus: 13,
} as const;
const BUNDLE = { PeerName: 2, RootPEMs: 4, CreateIndex: 6, ModifyIndex: 7 } as const;
const SECRETS = { PeerID: 1, Establishment: 2, Stream: 3 } as const;
const STREAM = { Active: 1, Pending: 2 } as const;
/** What a command does with secrets: the number of the field that is there. */
const REQUEST = { GenerateToken: 2, ExchangeSecret: 3, PromotePending: 4, Establish: 5 } as const;

const PENDING = 1;
const DELETING = 5;
const TERMINATED = 6;

const PEERING_COMMANDS: ReadonlySet<number> = new Set([
  MessageType.PeeringWrite,
  MessageType.PeeringDelete,
  MessageType.PeeringTerminateByID,
  MessageType.PeeringTrustBundleWrite,
  MessageType.PeeringTrustBundleDelete,
  MessageType.PeeringSecretsWrite,
]);

/** True for commands that {@link applyPeering} understands. */
export const isPeeringCommand = (type: number): boolean => PEERING_COMMANDS.has(type);

/** Why a command is refused. */
class Refused extends Error {}

/** Applies a command on peerings. Throws ProtocolError, before any change, on bytes that are no message. */
export function applyPeering(state: State, journal: Journal, type: number, body: Uint8Array): ApplyResult {
  const fields = protoFields(body);
  const table = new PeeringTables(state, journal);
  try {
    switch (type) {
      case MessageType.PeeringWrite:
        table.write(protoFields(protoBytes(fields, 1) ?? NOTHING), protoBytes(fields, 2));
        return null;
      case MessageType.PeeringDelete:
        table.remove(protoText(fields, 1));
        return null;
      case MessageType.PeeringTerminateByID:
        table.terminate(protoText(fields, 1));
        return null;
      case MessageType.PeeringTrustBundleWrite:
        table.writeBundle(protoFields(protoBytes(fields, 1) ?? NOTHING));
        return null;
      case MessageType.PeeringTrustBundleDelete:
        table.removeBundle(protoText(fields, 1));
        return null;
      default:
        table.writeSecrets(fields);
        return null;
    }
  } catch (thrown) {
    if (thrown instanceof Refused) return { error: thrown.message };
    throw thrown;
  }
}

const NOTHING = new Uint8Array(0);

class PeeringTables {
  readonly #state: State;
  readonly #journal: Journal;

  constructor(state: State, journal: Journal) {
    this.#state = state;
    this.#journal = journal;
  }

  write(given: readonly ProtoField[], secrets: Uint8Array | undefined): void {
    const id = protoText(given, PEERING.ID);
    const name = protoText(given, PEERING.Name);
    if (id === '') throw new Refused('Missing peering ID');
    if (name === '') throw new Refused('Missing peering name');
    const old = this.#peering(name);
    refuseWrite(old, given);
    // Read to the end, and refused, before anything changes.
    const request = secrets === undefined ? undefined : protoFields(secrets);
    const changed = request === undefined ? undefined : this.#secretsAfter(request, given);
    const oldState = old === undefined ? PENDING : protoNumber(old, PEERING.State);
    this.#putPeering(
      protoReplaced(
        given,
        [PEERING.State, PEERING.CreateIndex, PEERING.StreamStatus],
        [
          ...protoNumberField(PEERING.State, protoNumber(given, PEERING.State) || oldState),
          ...protoNumberField(PEERING.CreateIndex, old === undefined ? this.#journal.index : created(old)),
        ],
      ),
    );
    if (isMarked(given)) this.#drop(PEERING_SECRETS, id);
    else if (changed !== undefined) this.#putSecrets(changed);
  }

  remove(name: string): void {
    const old = this.#peering(name);
    if (old === undefined) return;
    const state = protoNumber(old, PEERING.State);
    if (state !== DELETING && state !== TERMINATED) throw new Refused('cannot delete a peering before it has ended');
    this.#drop(PEERINGS, protoText(old, PEERING.ID));
    this.#bump(PEERINGS);
  }

  terminate(id: string): void {
    const bytes = this.#state.opaque.get(PEERINGS, id);
    if (bytes === undefined) return;
    this.#putPeering(protoReplaced(unwrapped(bytes), [PEERING.State], protoNumberField(PEERING.State, TERMINATED)));
  }

  /** The certificates are kept with the peering as well. */
  writeBundle(given: readonly ProtoField[]): void {
    const name = protoText(given, BUNDLE.PeerName);
    const peering = this.#peering(name);
    if (peering === undefined) throw new Refused('cannot upsert trust bundle, no such peering');
    const old = this.#state.opaque.get(TRUST_BUNDLES, name.toLowerCase());
    const createIndex = old === undefined ? this.#journal.index : protoNumber(unwrapped(old), BUNDLE.CreateIndex);
    const indexes = [
      ...protoNumberField(BUNDLE.CreateIndex, createIndex),
      ...protoNumberField(BUNDLE.ModifyIndex, this.#journal.index),
    ];
    const bundle = protoReplaced(given, [BUNDLE.CreateIndex, BUNDLE.ModifyIndex], indexes);
    this.#put(TRUST_BUNDLES, name.toLowerCase(), bundle);
    this.#bump(TRUST_BUNDLES);
    const pems = given.filter(({ field }) => field === BUNDLE.RootPEMs);
    this.#putPeering(
      protoReplaced(
        peering,
        [PEERING.PeerCAPems],
        pems.map((pem) => protoBytesField(PEERING.PeerCAPems, lined(pem.bytes))),
      ),
    );
  }

  removeBundle(name: string): void {
    if (!this.#drop(TRUST_BUNDLES, name.toLowerCase())) return;
    this.#bump(TRUST_BUNDLES);
  }

  writeSecrets(request: readonly ProtoField[]): void {
    const changed = this.#secretsAfter(request);
    if (changed !== undefined) this.#putSecrets(changed);
  }

  /**
   * The secrets of a peering as they are after a request; undefined when it asks for nothing. `given` is a peering that is just
   * being written. Throws {@link Refused}.
   */
  #secretsAfter(request: readonly ProtoField[], given?: readonly ProtoField[]): ProtoField[] | undefined {
    const id = protoText(request, SECRETS.PeerID);
    const known = this.#state.opaque.get(PEERINGS, id);
    const isGiven = given !== undefined && protoText(given, PEERING.ID) === id;
    if (!isGiven && known === undefined) throw new Refused('unknown peering for secret');
    const peering = isGiven ? given : unwrapped(known as Uint8Array);
    const stored = this.#state.opaque.get(PEERING_SECRETS, id);
    const old = stored === undefined ? undefined : unwrapped(stored);
    const change = secretChange(dials(peering), old, request);
    if (change === undefined) return undefined;
    if (change.added !== '' && this.#isUsed(change.added)) throw new Refused('secret is already in use');
    return secretsOf(id, change.establishment, change.stream);
  }

  #isUsed(secret: string): boolean {
    return this.#state.opaque.all(PEERING_SECRETS).some((bytes) => hasSecret(unwrapped(bytes), secret));
  }

  #putSecrets(fields: readonly ProtoField[]): void {
    this.#put(PEERING_SECRETS, protoText(fields, SECRETS.PeerID), fields);
    this.#journal.touch('table', PEERING_SECRETS.table);
  }

  #peering(name: string): ProtoField[] | undefined {
    const wanted = name.toLowerCase();
    for (const bytes of this.#state.opaque.all(PEERINGS)) {
      const fields = unwrapped(bytes);
      if (protoText(fields, PEERING.Name).toLowerCase() === wanted) return fields;
    }
    return undefined;
  }

  #putPeering(fields: readonly ProtoField[]): void {
    const index = protoNumberField(PEERING.ModifyIndex, this.#journal.index);
    this.#put(PEERINGS, protoText(fields, PEERING.ID), protoReplaced(fields, [PEERING.ModifyIndex], index));
    this.#bump(PEERINGS);
  }

  #put(kind: OpaqueKind, id: string, fields: readonly ProtoField[]): void {
    this.#state.opaque.load(kind, id, wrapped(protoMessage(fields)));
  }

  #drop(kind: OpaqueKind, id: string): boolean {
    return this.#state.opaque.drop(kind, id);
  }

  #bump(kind: OpaqueKind): void {
    this.#state.indexes.bump(kind.table, this.#journal);
    this.#journal.touch('table', kind.table);
  }
}

const created = (peering: readonly ProtoField[]): number => protoNumber(peering, PEERING.CreateIndex);
const isMarked = (peering: readonly ProtoField[]): boolean => protoBytes(peering, PEERING.DeletedAt) !== undefined;
/** One side opens the connection: the one that knows addresses of the other. */
const dials = (peering: readonly ProtoField[]): boolean =>
  protoBytes(peering, PEERING.PeerServerAddresses) !== undefined;

/** Texts of certificates end with a line end. */
function lined(pem: Uint8Array): Uint8Array {
  return pem.at(-1) === LINE_END ? pem : concatBytes([pem, new Uint8Array([LINE_END])]);
}
const LINE_END = 10;

/** Throws {@link Refused}. */
function refuseWrite(old: readonly ProtoField[] | undefined, given: readonly ProtoField[]): void {
  const state = protoNumber(given, PEERING.State);
  if (isMarked(given) !== (state === DELETING)) throw new Refused('only a peering in deletion has a time of it');
  if (old === undefined) {
    if (state === DELETING || state === TERMINATED) throw new Refused('cannot create a new peering in that state');
    return;
  }
  if (protoText(old, PEERING.ID) !== protoText(given, PEERING.ID)) {
    throw new Refused('A peering already exists with this name and a different ID');
  }
  if (isMarked(old)) throw new Refused('cannot edit a peering that is marked for deletion');
  if (dials(old) !== dials(given)) throw new Refused('Cannot switch peering dialing mode');
}

interface Stream {
  readonly active: string;
  readonly pending: string;
}

const streamOf = (secrets: readonly ProtoField[]): Stream => {
  const fields = protoFields(protoBytes(secrets, SECRETS.Stream) ?? NOTHING);
  return { active: protoText(fields, STREAM.Active), pending: protoText(fields, STREAM.Pending) };
};

const establishmentOf = (secrets: readonly ProtoField[]): string =>
  protoText(protoFields(protoBytes(secrets, SECRETS.Establishment) ?? NOTHING), 1);

function hasSecret(secrets: readonly ProtoField[], secret: string): boolean {
  const { active, pending } = streamOf(secrets);
  return [establishmentOf(secrets), active, pending].includes(secret);
}

/**
 * What a request makes of the secrets that are there. The side that dials is given its secret; the other side hands tokens out
 * and sees them turned into secrets. Throws {@link Refused}.
 */
function secretChange(
  isDialer: boolean,
  old: readonly ProtoField[] | undefined,
  request: readonly ProtoField[],
): { added: string; establishment: string; stream: Stream } | undefined {
  const asked = request.find(({ field }) => field !== SECRETS.PeerID);
  if (asked === undefined) return undefined;
  if ((asked.field === REQUEST.Establish) !== isDialer) throw new Refused('not for this side of the peering');
  const values = protoFields(asked.bytes);
  const establishment = old === undefined ? '' : establishmentOf(old);
  const stream = old === undefined ? NO_STREAM : streamOf(old);
  const first = protoText(values, 1);
  const second = protoText(values, 2);
  switch (asked.field) {
    case REQUEST.GenerateToken:
      return { added: first, establishment: first, stream };
    case REQUEST.ExchangeSecret:
      if (first === '' || first !== establishment) throw new Refused('invalid establishment secret');
      return { added: second, establishment: '', stream: { ...stream, pending: second } };
    case REQUEST.PromotePending:
      if (first === '' || first !== stream.pending) throw new Refused('invalid pending stream secret');
      return { added: '', establishment, stream: { active: first, pending: '' } };
    case REQUEST.Establish:
      return { added: first, establishment: '', stream: { active: first, pending: '' } };
    default:
      throw new Refused('unknown request for secrets');
  }
}

const NO_STREAM: Stream = { active: '', pending: '' };

function secretsOf(id: string, establishment: string, { active, pending }: Stream): ProtoField[] {
  const fields = [protoBytesField(SECRETS.PeerID, id)];
  if (establishment !== '') {
    fields.push(protoBytesField(SECRETS.Establishment, protoMessage([protoBytesField(1, establishment)])));
  }
  const stream: ProtoField[] = [];
  if (active !== '') stream.push(protoBytesField(STREAM.Active, active));
  if (pending !== '') stream.push(protoBytesField(STREAM.Pending, pending));
  if (stream.length > 0) fields.push(protoBytesField(SECRETS.Stream, protoMessage(stream)));
  return fields;
}

/** Messages stand in snapshots as raw MessagePack values. */
function wrapped(message: Uint8Array): Uint8Array {
  const writer = new Writer('rpc', message.length + 8);
  writer.bytes(message);
  return writer.finish();
}

function unwrapped(record: Uint8Array): ProtoField[] {
  return protoFields(new Reader(record).bytesAlias() ?? NOTHING);
}

/** By what records of peerings are told apart in a snapshot. Throws ProtocolError. */
export function peeringRecordId(kind: OpaqueKind, record: Uint8Array): string | undefined {
  if (kind === PEERINGS) return protoText(unwrapped(record), PEERING.ID);
  if (kind === PEERING_SECRETS) return protoText(unwrapped(record), SECRETS.PeerID);
  return kind === TRUST_BUNDLES ? protoText(unwrapped(record), BUNDLE.PeerName).toLowerCase() : undefined;
}
