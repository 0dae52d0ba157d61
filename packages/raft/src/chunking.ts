import { concatBytes, ProtocolError, ProtoWire, ProtoWriter, protoFields } from '@proconsul/base';
import { Reader, Writer } from '@proconsul/msgpack';
import type { Entry } from './entry.ts';

/**
 * Commands that are too large for one entry are cut into pieces, each an entry of its own whose extensions say which piece of
 * what it is. Source: raft wire, section 2 (chunking), checked against a real server's snapshot with pieces in it.
 */

/** Larger commands are cut into pieces of this size. */
export const CHUNK_BYTES = 524_288;
/** Pieces of one command that we take. */
export const CHUNKS_MAX = 4096;
/** Bytes of pieces whose commands are not complete; more is refused. */
export const CHUNKS_HELD_MAX_BYTES = 256 * 1024 * 1024;
/** Commands that are not complete at one time; further ones are refused. A leader has a few. */
export const CHUNKED_COMMANDS_MAX = 1024;

/** What a client is told whose command lost a piece. */
export const RECHUNK_TEXT = 'please resubmit call for rechunking';

/** Which piece of which command. */
export interface ChunkInfo {
  /** Random; names the command. */
  readonly opNum: bigint;
  /** From 0. */
  readonly sequence: number;
  readonly count: number;
}

/** The pieces of a command, in order. One that fits into an entry is a single piece, without extensions. */
export function chunksOf(data: Uint8Array, opNum: bigint): { data: Uint8Array; extensions?: Uint8Array }[] {
  if (data.length <= CHUNK_BYTES) return [{ data }];
  const pieces: Uint8Array[] = [];
  for (let start = 0; start < data.length; ) {
    const end = endOfPiece(data, start);
    pieces.push(data.subarray(start, end));
    start = end;
  }
  const count = pieces.length;
  return pieces.map((piece, sequence) => ({
    data: piece,
    extensions: encodeChunkInfo({ opNum, sequence, count }),
  }));
}

/** Type of the checkpoints that log verifiers write, below the bit for types that may be skipped. */
const CHECKPOINT = 41;
/** How far a cut is moved forward to avoid that. */
const CUT_SHIFT_MAX = 1_024;

/**
 * Where the piece from `start` ends. No piece begins like a checkpoint if that can be helped: servers of the reference
 * whose logs are verified take it for one, cannot read its extensions, and then refuse the log for good. Observed.
 */
function endOfPiece(data: Uint8Array, start: number): number {
  const end = Math.min(data.length, start + CHUNK_BYTES);
  for (let cut = end; cut > end - CUT_SHIFT_MAX; cut--) {
    if (cut === data.length || (data[cut]! & 0x7f) !== CHECKPOINT) return cut;
  }
  return end;
}

/** Protobuf {1: op_num u64, 2: sequence_num u32, 3: num_chunks u32}; zeros are left out. */
export function encodeChunkInfo({ opNum, sequence, count }: ChunkInfo): Uint8Array {
  return new ProtoWriter().int(1, opNum).int(2, sequence).int(3, count).finish();
}

/** Unknown fields are passed over. Throws ProtocolError. */
export function decodeChunkInfo(bytes: Uint8Array): ChunkInfo {
  const numbers = [0n, 0n, 0n, 0n];
  try {
    for (const { field, wire, value } of protoFields(bytes)) {
      if (wire === ProtoWire.varint && field < numbers.length) numbers[field] = value;
    }
  } catch {
    throw noChunkInfo();
  }
  const [, opNum = 0n, sequence = 0n, count = 0n] = numbers;
  if (count < 1n || count > CHUNKS_MAX || sequence >= count) throw noChunkInfo();
  return { opNum, sequence: Number(sequence), count: Number(count) };
}

const noChunkInfo = (): ProtocolError =>
  new ProtocolError('CHUNK_INFO', 'the extensions of an entry do not describe a piece of a command');

/** Data and length of the extensions of an entry that checks the log; it is no piece of a command. Source: raft wire, section 3. */
const VERIFIER = { first: 0xa9, second: 0xc0, dataBytes: 2, extensionsBytes: 24 };

function isLogVerifier({ data, extensions }: Entry): boolean {
  if (data.length !== VERIFIER.dataBytes || extensions?.length !== VERIFIER.extensionsBytes) return false;
  return data[0] === VERIFIER.first && data[1] === VERIFIER.second;
}

export type ChunkOutcome =
  /** The entry is a command by itself. */
  | { readonly kind: 'plain' }
  /** Kept until the others are there. */
  | { readonly kind: 'kept' }
  /** The last piece that was missing. */
  | { readonly kind: 'whole'; readonly data: Uint8Array }
  /** Nothing was kept; what the proposer is told. */
  | { readonly kind: 'refused'; readonly why: string };

const PLAIN: ChunkOutcome = { kind: 'plain' };
const KEPT: ChunkOutcome = { kind: 'kept' };

interface Partial {
  readonly term: number;
  readonly pieces: (Uint8Array | undefined)[];
  missing: number;
}

/**
 * Puts the pieces of commands together, as part of the replicated state: the same entries in the same order lead to the same
 * outcomes everywhere. A piece of a later term voids all that is incomplete, since their proposer no longer leads.
 */
export class ChunkAssembler {
  readonly #partials = new Map<bigint, Partial>();
  #bytes = 0;
  #term = 0;

  /** Commands that are not complete. */
  get size(): number {
    return this.#partials.size;
  }

  /** Looks at the next entry of type command. Never throws for any bytes. */
  take(entry: Entry): ChunkOutcome {
    const { extensions, term, data } = entry;
    if (extensions === undefined || isLogVerifier(entry)) return PLAIN;
    let info: ChunkInfo;
    try {
      info = decodeChunkInfo(extensions);
    } catch (error) {
      return { kind: 'refused', why: (error as Error).message };
    }
    if (term !== this.#term) this.#clear(term);
    const isFull = this.#partials.size >= CHUNKED_COMMANDS_MAX && !this.#partials.has(info.opNum);
    if (isFull || this.#bytes + data.length > CHUNKS_HELD_MAX_BYTES) {
      return { kind: 'refused', why: 'too many incomplete commands' };
    }
    return this.#keep(info, data);
  }

  #clear(term: number): void {
    this.#term = term;
    this.#partials.clear();
    this.#bytes = 0;
  }

  #keep({ opNum, sequence, count }: ChunkInfo, data: Uint8Array): ChunkOutcome {
    let partial = this.#partials.get(opNum);
    if (!partial || partial.pieces.length !== count) {
      if (partial) this.#drop(opNum, partial);
      partial = { term: this.#term, pieces: new Array(count).fill(undefined), missing: count };
      this.#partials.set(opNum, partial);
    }
    const before = partial.pieces[sequence];
    if (before === undefined) partial.missing--;
    this.#bytes += data.length - (before?.length ?? 0);
    partial.pieces[sequence] = data;
    if (partial.missing === 0) {
      this.#drop(opNum, partial);
      return { kind: 'whole', data: concatBytes(partial.pieces as Uint8Array[]) };
    }
    // The last piece comes last, unless earlier ones are gone.
    return sequence === count - 1 ? { kind: 'refused', why: RECHUNK_TEXT } : KEPT;
  }

  #drop(opNum: bigint, partial: Partial): void {
    this.#partials.delete(opNum);
    for (const piece of partial.pieces) this.#bytes -= piece?.length ?? 0;
  }

  /**
   * The value of the snapshot's record on chunking: a map `ChunkMap` from numbers of commands to arrays of pieces, each nil or
   * a map Data, NumChunks, OpNum, SequenceNum, Term. Source: a snapshot recorded from a real server (chunking.test.ts).
   */
  encodeState(): Uint8Array {
    const w = new Writer('rpc');
    w.mapHeader(1);
    w.key('ChunkMap');
    w.mapHeader(this.#partials.size);
    const byNumber = [...this.#partials].sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [opNum, { pieces, term }] of byNumber) {
      w.uint(opNum);
      w.arrayHeader(pieces.length);
      pieces.forEach((piece, sequence) => {
        if (piece === undefined) w.nil();
        else putPiece(w, piece, { opNum, sequence, count: pieces.length }, term);
      });
    }
    return w.finish();
  }

  /** Takes the state of such a record; undefined: nothing is incomplete. Throws ProtocolError. */
  restoreState(bytes: Uint8Array | undefined): void {
    this.#clear(0);
    if (bytes === undefined) return;
    const r = new Reader(bytes);
    const fields = r.mapHeader();
    for (let i = 0; i < fields; i++) {
      if (r.key() !== 'ChunkMap') {
        r.skip();
        continue;
      }
      const commands = r.mapHeader();
      if (commands > CHUNKED_COMMANDS_MAX) throw new ProtocolError('CHUNK_STATE', `${commands} incomplete commands`);
      for (let n = 0; n < commands; n++) this.#restoreCommand(r);
    }
  }

  #restoreCommand(r: Reader): void {
    const opNum = r.big();
    const count = r.arrayHeader();
    if (count > CHUNKS_MAX) throw new ProtocolError('CHUNK_STATE', `a command of ${count} pieces`);
    for (let i = 0; i < count; i++) {
      if (r.isNil()) continue;
      const { data, term, sequence } = readPiece(r);
      if (!(sequence >= 0 && sequence < count)) throw new ProtocolError('CHUNK_STATE', 'a piece outside its command');
      if (term !== this.#term) this.#clear(term);
      this.#keep({ opNum, sequence, count }, data);
    }
  }
}

function putPiece(w: Writer, data: Uint8Array, { opNum, sequence, count }: ChunkInfo, term: number): void {
  w.mapHeader(5);
  w.key('Data');
  w.bytes(data);
  w.key('NumChunks');
  w.uint(count);
  w.key('OpNum');
  w.uint(opNum);
  w.key('SequenceNum');
  w.uint(sequence);
  w.key('Term');
  w.uint(term);
}

function readPiece(r: Reader): { data: Uint8Array; term: number; sequence: number } {
  let data = new Uint8Array(0) as Uint8Array;
  let term = 0;
  let sequence = 0;
  const fields = r.mapHeader();
  for (let i = 0; i < fields; i++) {
    const key = r.key();
    if (key === 'Data') data = r.bytes() ?? data;
    else if (key === 'Term') term = r.int();
    else if (key === 'SequenceNum') sequence = r.int();
    else r.skip();
  }
  return { data, term, sequence };
}
