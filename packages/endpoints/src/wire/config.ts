import { ProtocolError } from '@proconsul/base';
import { Reader, type Writer } from '@proconsul/msgpack';
import {
  bool,
  type ConfigEntry,
  ConfigEntryDeleteResponse,
  ConfigEntryListAllRequest,
  ConfigEntryQuery,
  decodeConfigEntry,
  encoded,
  index,
  type Kind,
  list,
  QueryMeta,
  queryMeta,
  ServiceConfigRequest,
  ServiceConfigResponse,
  str,
  struct,
  writeConfigEntry,
  writeOptions,
} from '@proconsul/schema';
import type { ArgsOf } from '../method.ts';
import { ConfigEntryMethods, type ConfigEntryRecord } from '../methods.ts';
import { READ_NOW } from '../view.ts';
import { bare } from './replies.ts';
import { reading } from './requests.ts';
import {
  type AnyWireMethod,
  BARE_META,
  metaFields,
  metaOf,
  type ReplyCodec,
  type RequestCodec,
  type WireMeta,
  wire,
} from './wire-method.ts';

type ApplyArgs = ArgsOf<typeof ConfigEntryMethods.Apply>;
type GetArgs = ArgsOf<typeof ConfigEntryMethods.Get>;
type ListArgs = ArgsOf<typeof ConfigEntryMethods.List>;

/** One raw value with more values inside it: kinds of Go that marshal themselves. */
function wrapped(write: (w: Writer) => void): Uint8Array {
  const held = encoded(write);
  return encoded((w) => w.bytes(held));
}

function unwrapped(body: Uint8Array): Reader {
  const held = new Reader(body).bytesAlias();
  if (held === null) throw new ProtocolError('WIRE_EMPTY', 'nothing inside a raw value');
  return new Reader(held);
}

/** An entry among the fields of a structure whose kind is told before. */
const entryOf = (kind: string): Kind<ConfigEntryRecord | null> => ({
  goType: 'structs.ConfigEntry',
  zero: () => null,
  isEmpty: (v) => v === null,
  toJson: () => 'null',
  fromJson: () => null,
  write: (w, v) => (v === null ? w.nil() : writeConfigEntry(w, v as ConfigEntry)),
  read: (r) => (r.isNil() ? null : (decodeConfigEntry(r, kind) as ConfigEntryRecord)),
  describe: () => ({}),
});

/** The maps behind the kind; their entries are of that kind. Made once for each kind. */
function ofKind<T>(make: (entry: Kind<ConfigEntryRecord | null>) => T): (kind: string) => T {
  const made = new Map<string, T>();
  return (kind) => {
    let one = made.get(kind);
    if (one === undefined) {
      one = make(entryOf(kind));
      // Kinds are few; what peers make up is not kept.
      if (made.size < KINDS_KEPT_MAX) made.set(kind, one);
    }
    return one;
  };
}

/** Bound of the kinds whose structures are kept. */
const KINDS_KEPT_MAX = 64;

const commandOf = ofKind((Entry) => struct('ConfigEntryRequest', { ...writeOptions, Op: str, Entry }));
const entriesOf = ofKind((Entry) => struct('IndexedConfigEntries', { Kind: str, Entries: list(Entry), ...queryMeta }));

/** `Op` is as it stands: deletions without a condition have none. */
const change = (opOnWire: (op: string) => string, op: (onWire: string) => string): RequestCodec<ApplyArgs> => ({
  encodeRequest: ({ Datacenter, Token, Op, Entry }) =>
    wrapped((w) => {
      w.str(Entry.Kind);
      commandOf(Entry.Kind).write(w, { Datacenter, Token, Op: opOnWire(Op), Entry });
    }),
  decodeRequest: (body) => {
    const r = unwrapped(body);
    const kind = r.str();
    const { Datacenter, Token, Op, Entry } = commandOf(kind).read(r);
    if (Entry === null) throw new ProtocolError('WIRE_EMPTY', 'no config entry');
    return { args: { Datacenter, Token, Op: op(Op), Entry }, options: READ_NOW };
  },
});

const asItIs = (op: string): string => op;
const deleteOp = (op: string): string => (op === 'delete' ? '' : op);
const opOfDelete = (onWire: string): string => (onWire === 'delete-cas' ? 'delete-cas' : 'delete');

const deleted: ReplyCodec<ApplyArgs, boolean> = {
  encodeReply: (Deleted) => ConfigEntryDeleteResponse.encodeWire({ Deleted }),
  decodeReply: (body) => ({ value: ConfigEntryDeleteResponse.decodeWire(body).Deleted, meta: BARE_META }),
};

/** Kind, entry, `+QM`; an entry that is not there has no kind, and then nothing stands for it. */
const oneEntry: ReplyCodec<GetArgs, ConfigEntryRecord | null> = {
  encodeReply: (entry, meta) =>
    wrapped((w) => {
      w.str(entry?.Kind ?? '');
      if (entry !== null) writeConfigEntry(w, entry as ConfigEntry);
      QueryMeta.write(w, metaFields(meta));
    }),
  decodeReply: (body) => {
    const r = unwrapped(body);
    const kind = r.str();
    const value = kind === '' ? null : (decodeConfigEntry(r, kind) as ConfigEntryRecord);
    return { value, meta: metaOf(QueryMeta.read(r)) };
  },
};

/** Count, kind, one map with all the rest. */
const entriesOfKind: ReplyCodec<ListArgs, readonly ConfigEntryRecord[]> = {
  encodeReply: (Entries, meta, { Kind }) =>
    wrapped((w) => {
      w.int(Entries.length);
      w.str(Kind);
      entriesOf(Kind).write(w, { Kind, Entries, ...metaFields(meta) });
    }),
  decodeReply: (body) => {
    const r = unwrapped(body);
    r.int();
    const { Entries, ...fields } = entriesOf(r.str()).read(r);
    return { value: present(Entries), meta: metaOf(fields) };
  },
};

const present = (entries: readonly (ConfigEntryRecord | null)[] | null): readonly ConfigEntryRecord[] =>
  (entries ?? []).filter((entry) => entry !== null);

/** Count, kind and entry for each, `+QM`. */
const allEntries: ReplyCodec<ListArgs, readonly ConfigEntryRecord[]> = {
  encodeReply: (entries, meta) =>
    wrapped((w) => {
      index.write(w, entries.length);
      for (const entry of entries) {
        w.str(entry.Kind);
        writeConfigEntry(w, entry as ConfigEntry);
      }
      QueryMeta.write(w, metaFields(meta));
    }),
  decodeReply: (body) => {
    const r = unwrapped(body);
    const value: ConfigEntryRecord[] = [];
    for (let left = r.int(); left > 0; left--) value.push(decodeConfigEntry(r, r.str()) as ConfigEntryRecord);
    return { value, meta: metaOf(QueryMeta.read(r)) };
  },
};

/** One map, wrapped. */
const resolved: ReplyCodec<unknown, Omit<ServiceConfigResponse, keyof QueryMeta>> = {
  encodeReply: (value, meta) =>
    wrapped((w) => ServiceConfigResponse.write(w, { ...value, ...metaFields(meta as WireMeta) })),
  decodeReply: (body) => {
    const { Index, LastContact, KnownLeader, ...rest } = ServiceConfigResponse.read(unwrapped(body));
    const { ConsistencyLevel, NotModified, Backend, ResultsFilteredByACLs, ...value } = rest;
    const fields = { Index, LastContact, KnownLeader, ConsistencyLevel, NotModified, Backend, ResultsFilteredByACLs };
    return { value, meta: metaOf(fields) };
  },
};

/** Entries of every kind: peers ask for the kinds that they know. */
const everyKind: RequestCodec<ListArgs> = reading<ListArgs, ConfigEntryListAllRequest>(ConfigEntryListAllRequest, {
  same: ['Filter'],
  write: () => ({ Kinds: null }),
  read: () => ({ Kind: '' }),
});

export const configMethods: readonly AnyWireMethod[] = [
  wire(
    ConfigEntryMethods.Get,
    reading<GetArgs, ConfigEntryQuery>(ConfigEntryQuery, { same: ['Kind', 'Name'] }),
    oneEntry,
  ),
  wire(
    ConfigEntryMethods.List,
    reading<ListArgs, ConfigEntryQuery>(ConfigEntryQuery, { same: ['Kind', 'Filter'] }),
    entriesOfKind,
  ),
  wire(ConfigEntryMethods.List, everyKind, allEntries, 'ConfigEntry.ListAll'),
  wire(ConfigEntryMethods.Apply, change(asItIs, asItIs), bare(bool)),
  wire(ConfigEntryMethods.Apply, change(deleteOp, opOfDelete), deleted, 'ConfigEntry.Delete'),
  wire(
    ConfigEntryMethods.ResolveServiceConfig,
    reading<ArgsOf<typeof ConfigEntryMethods.ResolveServiceConfig>, ServiceConfigRequest>(ServiceConfigRequest, {
      same: ['Name', 'Mode', 'MeshGateway', 'UpstreamServiceNames'],
    }),
    resolved,
  ),
];
