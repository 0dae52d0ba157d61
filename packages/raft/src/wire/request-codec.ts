import { ProtocolError } from '@proconsul/base';
import { type GoTime, isZeroTime, Reader, Writer, ZERO_TIME } from '@proconsul/msgpack';
import { type Configuration, voters } from '../configuration.ts';
import { msgpackConfiguration } from '../configuration-codec.ts';
import type {
  AppendEntriesRequest,
  InstallSnapshotRequest,
  PreVoteRequest,
  RaftRequest,
  VoteRequest,
} from '../core/messages.ts';
import { ENTRY_MAX_BYTES } from '../disk/segment.ts';
import { type Entry, isLogType } from '../entry.ts';
import { PROTOCOL_VERSION, RECEIVED_ENTRIES_MAX, RpcType } from './protocol.ts';

/** A request as it came, with the version that its sender speaks. */
export interface ReceivedRequest {
  readonly request: RaftRequest;
  readonly protocolVersion: number;
}

export const RPC_TYPE: Readonly<Record<RaftRequest['kind'], RpcType>> = {
  'append-entries': RpcType.appendEntries,
  'request-vote': RpcType.requestVote,
  'install-snapshot': RpcType.installSnapshot,
  'timeout-now': RpcType.timeoutNow,
  'request-pre-vote': RpcType.requestPreVote,
};

export const KIND_OF: Readonly<Record<number, RaftRequest['kind']>> = {
  [RpcType.appendEntries]: 'append-entries',
  [RpcType.requestVote]: 'request-vote',
  [RpcType.installSnapshot]: 'install-snapshot',
  [RpcType.timeoutNow]: 'timeout-now',
  [RpcType.requestPreVote]: 'request-pre-vote',
};

// Writing.

/** Type byte and map. The state of an install-snapshot request follows them as it is. */
export function encodeRequest(request: RaftRequest): Uint8Array {
  const w = new Writer('raft', HEAD_BYTES);
  w.uint(RPC_TYPE[request.kind]);
  switch (request.kind) {
    case 'append-entries':
      putAppendEntries(w, request);
      break;
    case 'request-vote':
      putVote(w, request);
      break;
    case 'request-pre-vote':
      putPreVote(w, request);
      break;
    case 'install-snapshot':
      putInstallSnapshot(w, request);
      break;
    case 'timeout-now':
      w.mapHeader(request.term === undefined ? 3 : 4);
      putText(w, 'Addr', request.address);
      putText(w, 'ID', request.from);
      putVersion(w);
      if (request.term !== undefined) putUint(w, 'Term', request.term);
  }
  return w.take();
}

function putText(w: Writer, key: string, value: string): void {
  w.key(key);
  w.str(value);
}

function putUint(w: Writer, key: string, value: number): void {
  w.key(key);
  w.uint(value);
}

function putVersion(w: Writer): void {
  w.key('ProtocolVersion');
  w.int(PROTOCOL_VERSION);
}

function putAppendEntries(w: Writer, r: AppendEntriesRequest): void {
  w.mapHeader(9);
  putText(w, 'Addr', r.address);
  w.key('Entries');
  if (r.entries === null) w.nil();
  else {
    w.arrayHeader(r.entries.length);
    if (r.entries.length > 0) w.raw(encodedEntries(r.entries));
  }
  putText(w, 'ID', r.from);
  putText(w, 'Leader', r.address);
  putUint(w, 'LeaderCommitIndex', r.leaderCommit);
  putUint(w, 'PrevLogEntry', r.prevLogIndex);
  putUint(w, 'PrevLogTerm', r.prevLogTerm);
  putVersion(w);
  putUint(w, 'Term', r.term);
}

/** The entries encoded last: several followers are sent the same ones. */
let last: { readonly entries: readonly Entry[]; readonly bytes: Uint8Array } | undefined;
/** Longer ones are not kept. */
export const KEPT_ENTRIES_BYTES_MAX = 64 * 1024;

/** About what a message needs beside its entries, and an entry beside its data. */
const HEAD_BYTES = 512;
const ENTRY_HEAD_BYTES = 96;

function encodedEntries(entries: readonly Entry[]): Uint8Array {
  if (last?.entries === entries) return last.bytes;
  let size = 0;
  for (const { data, extensions } of entries) size += ENTRY_HEAD_BYTES + data.length + (extensions?.length ?? 0);
  const w = new Writer('raft', size);
  for (const entry of entries) putEntry(w, entry);
  const bytes = w.take();
  last = bytes.length <= KEPT_ENTRIES_BYTES_MAX ? { entries, bytes } : undefined;
  return bytes;
}

function putEntry(w: Writer, entry: Entry): void {
  w.mapHeader(6);
  w.key('AppendedAt');
  w.time(goTime(entry.appendedAtMs ?? 0));
  w.key('Data');
  w.bytes(entry.data.length === 0 ? null : entry.data);
  w.key('Extensions');
  w.bytes(entry.extensions ?? null);
  putUint(w, 'Index', entry.index);
  putUint(w, 'Term', entry.term);
  putUint(w, 'Type', entry.type);
}

/** 0 stands for "unknown": Go's zero time. */
function goTime(ms: number): GoTime {
  if (!(ms > 0)) return ZERO_TIME;
  const seconds = Math.floor(ms / 1000);
  const nanos = Math.min(999_999_999, Math.round((ms - seconds * 1000) * 1e6));
  return { seconds, nanos, offsetMinutes: 0 };
}

function putVote(w: Writer, r: VoteRequest): void {
  w.mapHeader(8);
  putText(w, 'Addr', r.address);
  putText(w, 'Candidate', r.address);
  putText(w, 'ID', r.from);
  putUint(w, 'LastLogIndex', r.lastLogIndex);
  putUint(w, 'LastLogTerm', r.lastLogTerm);
  w.key('LeadershipTransfer');
  w.bool(r.leadershipTransfer);
  putVersion(w);
  putUint(w, 'Term', r.term);
}

function putPreVote(w: Writer, r: PreVoteRequest): void {
  w.mapHeader(6);
  putText(w, 'Addr', r.address);
  putText(w, 'ID', r.from);
  putUint(w, 'LastLogIndex', r.lastLogIndex);
  putUint(w, 'LastLogTerm', r.lastLogTerm);
  putVersion(w);
  putUint(w, 'Term', r.term);
}

const SNAPSHOT_VERSION = 1;

function putInstallSnapshot(w: Writer, r: InstallSnapshotRequest): void {
  w.mapHeader(12);
  putText(w, 'Addr', r.address);
  w.key('Configuration');
  w.bytes(msgpackConfiguration.encode(r.configuration));
  putUint(w, 'ConfigurationIndex', r.configurationIndex);
  putText(w, 'ID', r.from);
  putUint(w, 'LastLogIndex', r.lastLogIndex);
  putUint(w, 'LastLogTerm', r.lastLogTerm);
  putText(w, 'Leader', r.address);
  w.key('Peers');
  w.bytes(encodePeers(r.configuration));
  putVersion(w);
  w.key('Size');
  w.int(r.sizeBytes);
  w.key('SnapshotVersion');
  w.int(SNAPSHOT_VERSION);
  putUint(w, 'Term', r.term);
}

/** The old form of a configuration: the addresses of the voters. */
function encodePeers(configuration: Configuration): Uint8Array {
  const addresses = voters(configuration);
  const w = new Writer('raft');
  w.arrayHeader(addresses.length);
  for (const { address } of addresses) w.str(address);
  return w.take();
}

// Reading.

/** What a map of any of the requests may hold. */
interface Fields {
  address: string;
  id: string;
  version: number;
  term: number;
  leader: string;
  entries: Entry[] | null;
  prevLogIndex: number;
  prevLogTerm: number;
  leaderCommit: number;
  lastLogIndex: number;
  lastLogTerm: number;
  leadershipTransfer: boolean;
  configuration: Uint8Array | null;
  configurationIndex: number;
  sizeBytes: number;
  snapshotVersion: number;
}

/**
 * Reads the map of a request. Entries alias `bytes`. Keys may come in any order; unknown ones are passed over. Throws
 * ProtocolError for anything else than a request of that kind.
 */
export function decodeRequest(kind: RaftRequest['kind'], bytes: Uint8Array): ReceivedRequest {
  const f = readFields(new Reader(bytes));
  // Before protocol 3 servers had no ids but their addresses.
  const address = f.leader || f.address;
  const header = { from: f.id || address, address, term: f.term };
  return { request: toRequest(kind, header, f), protocolVersion: f.version };
}

function toRequest(
  kind: RaftRequest['kind'],
  header: { readonly from: string; readonly address: string; readonly term: number },
  f: Fields,
): RaftRequest {
  const { lastLogIndex, lastLogTerm } = f;
  switch (kind) {
    case 'append-entries': {
      const { prevLogIndex, prevLogTerm, leaderCommit } = f;
      // Without entries and without a word on the log it is a heartbeat.
      const isHeartbeat = f.entries === null && prevLogIndex === 0 && prevLogTerm === 0 && leaderCommit === 0;
      const entries = isHeartbeat ? null : (f.entries ?? []);
      return { kind, ...header, prevLogIndex, prevLogTerm, entries, leaderCommit };
    }
    case 'request-vote':
      return { kind, ...header, lastLogIndex, lastLogTerm, leadershipTransfer: f.leadershipTransfer };
    case 'request-pre-vote':
      return { kind, ...header, lastLogIndex, lastLogTerm };
    case 'install-snapshot': {
      if (f.snapshotVersion !== SNAPSHOT_VERSION) bad('RAFT_SNAPSHOT_VERSION', 'unknown version of a snapshot');
      if (f.configuration === null) return bad('RAFT_MESSAGE', 'a snapshot without a configuration');
      const configuration = msgpackConfiguration.decode(f.configuration);
      const { configurationIndex, sizeBytes } = f;
      return { kind, ...header, lastLogIndex, lastLogTerm, configuration, configurationIndex, sizeBytes };
    }
    case 'timeout-now':
      return { kind, from: header.from, address: header.address, ...(f.term > 0 ? { term: f.term } : {}) };
  }
}

function bad(code: string, message: string): never {
  throw new ProtocolError(code, message);
}

function readFields(r: Reader): Fields {
  const f: Fields = {
    address: '',
    id: '',
    version: 0,
    term: 0,
    leader: '',
    entries: null,
    prevLogIndex: 0,
    prevLogTerm: 0,
    leaderCommit: 0,
    lastLogIndex: 0,
    lastLogTerm: 0,
    leadershipTransfer: false,
    configuration: null,
    configurationIndex: 0,
    sizeBytes: 0,
    snapshotVersion: 0,
  };
  const count = r.mapHeader();
  if (count < 0) bad('RAFT_MESSAGE', 'a request is no map');
  for (let i = 0; i < count; i++) {
    const read = FIELD_READERS[r.key()];
    if (read) read(f, r);
    else r.skip();
  }
  return f;
}

const FIELD_READERS: Readonly<Record<string, ((f: Fields, r: Reader) => void) | undefined>> = {
  __proto__: null as never,
  Addr: (f, r) => {
    f.address = readText(r);
  },
  ID: (f, r) => {
    f.id = readText(r);
  },
  ProtocolVersion: (f, r) => {
    f.version = r.int();
  },
  Term: (f, r) => {
    f.term = readIndex(r);
  },
  Leader: (f, r) => {
    f.leader = readText(r);
  },
  Candidate: (f, r) => {
    f.leader = readText(r);
  },
  Entries: (f, r) => {
    f.entries = readEntries(r);
  },
  PrevLogEntry: (f, r) => {
    f.prevLogIndex = readIndex(r);
  },
  PrevLogTerm: (f, r) => {
    f.prevLogTerm = readIndex(r);
  },
  LeaderCommitIndex: (f, r) => {
    f.leaderCommit = readIndex(r);
  },
  LastLogIndex: (f, r) => {
    f.lastLogIndex = readIndex(r);
  },
  LastLogTerm: (f, r) => {
    f.lastLogTerm = readIndex(r);
  },
  LeadershipTransfer: (f, r) => {
    f.leadershipTransfer = r.bool();
  },
  Configuration: (f, r) => {
    f.configuration = r.bytesAlias();
  },
  ConfigurationIndex: (f, r) => {
    f.configurationIndex = readIndex(r);
  },
  Size: (f, r) => {
    f.sizeBytes = readIndex(r);
  },
  SnapshotVersion: (f, r) => {
    f.snapshotVersion = r.int();
  },
};

const readText = (r: Reader): string => (r.isNil() ? '' : r.str());

function readIndex(r: Reader): number {
  const value = r.int();
  if (value < 0) bad('RAFT_MESSAGE', 'a negative index, term or size');
  return value;
}

function readEntries(r: Reader): Entry[] | null {
  const count = r.arrayHeader();
  if (count < 0) return null;
  if (count > RECEIVED_ENTRIES_MAX) bad('RAFT_ENTRIES', `${count} entries in one request`);
  const entries: Entry[] = [];
  for (let i = 0; i < count; i++) entries.push(readEntry(r));
  return entries;
}

/** One entry as a map, which is also how Consul's servers store it in raft.db. */
export function encodeEntry(entry: Entry): Uint8Array {
  const w = new Writer('raft');
  putEntry(w, entry);
  return w.finish();
}

/** Throws ProtocolError. */
export const decodeEntry = (bytes: Uint8Array): Entry => readEntry(new Reader(bytes));

const NO_DATA = new Uint8Array(0);

function readEntry(r: Reader): Entry {
  let index = 0;
  let term = 0;
  let type = 0;
  let data: Uint8Array = NO_DATA;
  let extensions: Uint8Array | null = null;
  let appendedAtMs = 0;
  const count = r.mapHeader();
  for (let i = 0; i < count; i++) {
    const key = r.key();
    if (key === 'Index') index = readIndex(r);
    else if (key === 'Term') term = readIndex(r);
    else if (key === 'Type') type = r.int();
    else if (key === 'Data') data = r.bytesAlias() ?? NO_DATA;
    else if (key === 'Extensions') extensions = r.bytesAlias();
    else if (key === 'AppendedAt') appendedAtMs = readTime(r);
    else r.skip();
  }
  if (!isLogType(type)) bad('RAFT_LOG_TYPE', `entry ${index} has the unsupported type ${type}`);
  if (data.length + (extensions?.length ?? 0) > ENTRY_MAX_BYTES) bad('RAFT_ENTRY_SIZE', `entry ${index} is too large`);
  if (extensions === null) return { index, term, type, data, appendedAtMs };
  return { index, term, type, data, extensions, appendedAtMs };
}

function readTime(r: Reader): number {
  const time = r.time();
  return isZeroTime(time) ? 0 : Math.max(0, time.seconds * 1000 + time.nanos / 1e6);
}
