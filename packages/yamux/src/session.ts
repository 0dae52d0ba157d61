import {
  type Clock,
  concatBytes,
  type Endpoint,
  errorText,
  type Log,
  type Millis,
  type Stream,
  soon,
  type Timer,
} from '@proconsul/base';
import { type ByteBudget, SharedBytes } from './byte-budget.ts';
import { YamuxError, yamuxErrors } from './errors.ts';
import {
  decodeHeader,
  encodeHeader,
  Flag,
  type FrameHeader,
  FrameType,
  GoAway,
  HEADER_BYTES,
  writeHeader,
} from './frame.ts';
import {
  ACCEPT_BACKLOG,
  CONTROL_BACKLOG_BYTES,
  OPENS_AT_ONCE_MAX,
  SESSION_BUFFER_BYTES,
  STREAMS_MAX,
  UNACKNOWLEDGED_STREAMS_MAX,
  WAITING_OPENS_MAX,
  YAMUX_TIMES,
  type YamuxTimes,
} from './limits.ts';
import { type StreamOwner, YamuxStream } from './stream.ts';

/** Payloads up to this size travel with their header in one buffer. */
const SMALL_PAYLOAD_BYTES = 4_096;
/** What is gathered of one moment before it is written. */
const BATCH_BYTES = 32 * 1024;
const LAST_STREAM_ID = 0xffff_ffff;

export interface YamuxOptions {
  /** Who opened the connection. The two sides number their streams differently. */
  readonly role: 'dialler' | 'listener';
  readonly times?: Partial<YamuxTimes>;
  /** Streams that the other side may have open. Default {@link STREAMS_MAX}. */
  readonly streamsMax?: number;
}

export interface YamuxDependencies {
  readonly clock: Clock;
  readonly log: Log;
  /** Where received bytes that wait for their reader are counted, within {@link SESSION_BUFFER_BYTES} of each session. */
  readonly budget?: ByteBudget;
  /** Asked for each stream that the other side opens. False: it is reset. */
  readonly admit?: () => boolean;
}

/**
 * Many streams over one connection, either side. Violations of the protocol, and peers that overrun a limit, end the
 * session with a go-away frame and a line in the log.
 * Source: the yamux specification (version 0) and frames captured from the reference agent.
 */
export class YamuxSession implements StreamOwner {
  readonly remote: Endpoint;
  readonly local: Endpoint;
  readonly #base: Stream;
  readonly #options: YamuxOptions;
  readonly #times: YamuxTimes;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #admit: () => boolean;
  readonly #budget: SharedBytes;

  readonly #streams = new Map<number, YamuxStream>();
  #inboundCount = 0;
  #nextId: number;
  /** Opened by us and not acknowledged, with the limit of the wait. */
  readonly #unacknowledged = new Map<number, Timer>();
  /** Opened by us, waiting for their turn to be announced. */
  readonly #waitingOpens: YamuxStream[] = [];
  /** Opened by the other side before anybody listened. */
  readonly #backlog: YamuxStream[] = [];
  #streamHandler: ((stream: Stream) => void) | undefined;
  #closeHandler: ((error?: Error) => void) | undefined;

  /** The part of a header that has arrived. */
  readonly #head = new Uint8Array(HEADER_BYTES);
  #headSize = 0;
  /** Of the data frame that is arriving: its stream (undefined: dropped), the bytes to come, what follows them. */
  #dataStream: YamuxStream | undefined;
  #dataLeft = 0;
  #dataFlags = 0;
  /** What came after more opened streams than one turn takes. */
  #held: Uint8Array[] = [];
  #heldTimer: Timer | undefined;
  #opensLeft = OPENS_AT_ONCE_MAX;

  /** Frames of this moment. */
  #unsent: Uint8Array[] = [];
  #unsentBytes = 0;
  #isCongested = false;
  #controlBacklog = 0;
  readonly #ready = new Set<YamuxStream>();

  #pingId = 0;
  #pingTimer: Timer | undefined;
  #pongTimer: Timer | undefined;
  #lingerTimer: Timer | undefined;
  #isRemoteGone = false;
  #isClosed = false;
  #error: Error | undefined;

  constructor(base: Stream, options: YamuxOptions, dependencies: YamuxDependencies) {
    this.#base = base;
    this.remote = base.remote;
    this.local = base.local;
    this.#options = options;
    this.#times = { ...YAMUX_TIMES, ...options.times };
    this.#clock = dependencies.clock;
    this.#log = dependencies.log;
    this.#admit = dependencies.admit ?? (() => true);
    this.#budget = new SharedBytes(SESSION_BUFFER_BYTES, dependencies.budget);
    this.#nextId = options.role === 'dialler' ? 1 : 2;
    base.onDrain(() => this.#drained());
    base.onEnd(() => this.#shut(yamuxErrors.endOfFile()));
    base.onClose((error) => this.#baseClosed(error));
    base.onData((bytes) => this.#receive(bytes));
    this.#scheduleKeepAlive();
  }

  /** Streams open at present, of both sides. */
  get streamCount(): number {
    return this.#streams.size;
  }

  /** False when `open` would throw. */
  get isOpen(): boolean {
    return !this.#isClosed && !this.#isRemoteGone;
  }

  get isCongested(): boolean {
    return this.#isCongested;
  }

  /** Bytes received that nobody has consumed. */
  get heldBytes(): number {
    return this.#budget.used;
  }

  /** Streams that the other side opens. Set once. */
  onStream(fn: (stream: Stream) => void): void {
    this.#streamHandler = fn;
    for (const stream of this.#backlog.splice(0)) fn(stream);
  }

  /** Called once, when no stream can live any more; with the reason unless we closed it. */
  onClose(fn: (error?: Error) => void): void {
    this.#closeHandler = fn;
    if (this.#isClosed) queueMicrotask(() => fn(this.#error));
  }

  /** Opens a stream; bytes may be written at once. Throws YamuxError. */
  open(): Stream {
    if (this.#isClosed) throw yamuxErrors.sessionShutdown();
    if (this.#isRemoteGone) throw yamuxErrors.remoteGoAway();
    if (this.#nextId > LAST_STREAM_ID || this.#waitingOpens.length >= WAITING_OPENS_MAX) {
      throw yamuxErrors.streamsExhausted();
    }
    const stream = new YamuxStream(this.#nextId, this, false);
    this.#nextId += 2;
    this.#streams.set(stream.id, stream);
    if (this.#unacknowledged.size < UNACKNOWLEDGED_STREAMS_MAX) this.#announce(stream);
    else this.#waitingOpens.push(stream);
    return stream;
  }

  /** Says goodbye, closes all streams and the connection. */
  close(): void {
    if (!this.#isClosed) this.#control(encodeHeader(FrameType.goAway, 0, 0, GoAway.normal));
    this.#shut(undefined);
  }

  wait(stream: YamuxStream): void {
    this.#ready.add(stream);
  }

  sendData(streamId: number, bytes: Uint8Array): void {
    if (this.#isClosed) return;
    if (bytes.length <= SMALL_PAYLOAD_BYTES) {
      const frame = new Uint8Array(HEADER_BYTES + bytes.length);
      writeHeader(frame, FrameType.data, 0, streamId, bytes.length);
      frame.set(bytes, HEADER_BYTES);
      this.#write(frame);
    } else {
      this.#write(encodeHeader(FrameType.data, 0, streamId, bytes.length));
      this.#write(bytes);
    }
  }

  sendWindowUpdate(streamId: number, flags: number, credit: number): void {
    this.#control(encodeHeader(FrameType.windowUpdate, flags, streamId, credit));
  }

  hold(bytes: number): boolean {
    if (this.#budget.take(bytes)) return true;
    this.#cut('too many bytes wait for their readers');
    return false;
  }

  release(bytes: number): void {
    this.#budget.give(bytes);
  }

  startCloseTimer(stream: YamuxStream): Timer {
    return this.#clock.after(this.#times.closeTimeoutMs, () => {
      this.sendWindowUpdate(stream.id, Flag.rst, 0);
      stream.finish(yamuxErrors.closeTimeout());
    });
  }

  forget(stream: YamuxStream): void {
    if (!this.#streams.delete(stream.id)) return;
    this.#ready.delete(stream);
    if (!this.#isOurs(stream.id)) {
      this.#inboundCount--;
      return;
    }
    const waiting = this.#waitingOpens.indexOf(stream);
    if (waiting >= 0) this.#waitingOpens.splice(waiting, 1);
  }

  #isOurs(streamId: number): boolean {
    return streamId % 2 === (this.#options.role === 'dialler' ? 1 : 0);
  }

  // Receiving.

  #receive(bytes: Uint8Array): void {
    if (this.#held.length > 0) {
      this.#held.push(bytes.slice());
      return;
    }
    this.#opensLeft = OPENS_AT_ONCE_MAX;
    let at = 0;
    while (at < bytes.length && !this.#isClosed) {
      if (this.#opensLeft <= 0) {
        this.#hold(bytes.slice(at));
        return;
      }
      if (this.#dataLeft > 0) {
        const size = Math.min(this.#dataLeft, bytes.length - at);
        this.#dataLeft -= size;
        this.#dataStream?.receiveData(bytes.subarray(at, at + size));
        at += size;
        if (this.#dataLeft === 0) this.#endOfData();
        continue;
      }
      const size = Math.min(HEADER_BYTES - this.#headSize, bytes.length - at);
      this.#head.set(bytes.subarray(at, at + size), this.#headSize);
      this.#headSize += size;
      at += size;
      if (this.#headSize === HEADER_BYTES) {
        this.#headSize = 0;
        this.#receiveHeader();
      }
    }
  }

  /** Leaves the rest for another turn of the event loop. */
  #hold(rest: Uint8Array): void {
    this.#held.push(rest);
    this.#base.pause();
    this.#heldTimer = this.#clock.after(0, () => {
      const held = this.#held;
      this.#held = [];
      for (const bytes of held) this.#receive(bytes);
      if (this.#held.length === 0 && !this.#isClosed) this.#base.resume();
    });
  }

  #receiveHeader(): void {
    let header: FrameHeader;
    try {
      header = decodeHeader(this.#head);
    } catch (error) {
      this.#cut(errorText(error));
      return;
    }
    switch (header.type) {
      case FrameType.data:
      case FrameType.windowUpdate:
        this.#receiveStreamFrame(header);
        return;
      case FrameType.ping:
        this.#receivePing(header);
        return;
      case FrameType.goAway:
        this.#receiveGoAway(header.length);
    }
  }

  #receiveStreamFrame(header: FrameHeader): void {
    if ((header.flags & Flag.syn) !== 0 && !this.#receiveOpen(header.streamId)) return;
    const stream = this.#streams.get(header.streamId);
    // Also of a stream that we have given up meanwhile: the other side has taken it.
    if ((header.flags & (Flag.ack | Flag.rst)) !== 0) this.#acknowledged(header.streamId);
    if (header.type === FrameType.windowUpdate) {
      if (stream !== undefined && !stream.acceptCredit(header.length)) this.#cut('send window overflow');
      else this.#receiveEnds(stream, header.flags);
      return;
    }
    // Frames of a stream that is gone may still be under way: their bytes are dropped.
    if (stream !== undefined && !stream.acceptData(header.length)) {
      this.#cut('receive window exceeded');
      return;
    }
    this.#dataStream = stream;
    this.#dataLeft = header.length;
    this.#dataFlags = header.flags;
    if (header.length === 0) this.#endOfData();
  }

  #endOfData(): void {
    const stream = this.#dataStream;
    this.#dataStream = undefined;
    this.#receiveEnds(stream, this.#dataFlags);
  }

  #receiveEnds(stream: YamuxStream | undefined, flags: number): void {
    if (stream === undefined || this.#isClosed) return;
    if ((flags & Flag.rst) !== 0) stream.finish(yamuxErrors.streamReset());
    else if ((flags & Flag.fin) !== 0) stream.receiveEnd();
  }

  /** False when the session has been cut. */
  #receiveOpen(streamId: number): boolean {
    if (this.#isOurs(streamId)) return this.#cut('stream opened with an id of our side');
    if (this.#streams.has(streamId)) return this.#cut('stream opened twice');
    const isFull =
      this.#inboundCount >= (this.#options.streamsMax ?? STREAMS_MAX) ||
      (this.#streamHandler === undefined && this.#backlog.length >= ACCEPT_BACKLOG);
    if (isFull || !this.#admit()) {
      this.#log.debug('yamux: stream refused, too many are open', {
        from: this.remote.host,
        streams: this.#inboundCount,
      });
      this.sendWindowUpdate(streamId, Flag.rst, 0);
      return true;
    }
    const stream = new YamuxStream(streamId, this, true);
    this.#streams.set(streamId, stream);
    this.#inboundCount++;
    this.#opensLeft--;
    this.sendWindowUpdate(streamId, Flag.ack, 0);
    if (this.#streamHandler) this.#streamHandler(stream);
    else this.#backlog.push(stream);
    return !this.#isClosed;
  }

  #receivePing(header: FrameHeader): void {
    if ((header.flags & Flag.syn) !== 0) this.#control(encodeHeader(FrameType.ping, Flag.ack, 0, header.length));
    else if (header.length === this.#pingId) this.#pongTimer?.cancel();
  }

  #receiveGoAway(code: number): void {
    this.#isRemoteGone = true;
    if (code === GoAway.normal) return;
    const reason = code === GoAway.protocolError ? 'protocol error' : 'internal error';
    this.#log.warn('yamux: the other side gave up the session', { from: this.remote.host, reason });
    this.#shut(new YamuxError('YAMUX_GO_AWAY', `remote reported a ${reason}`));
  }

  // Sending.

  #announce(stream: YamuxStream): void {
    const timer = this.#clock.after(this.#times.openTimeoutMs, () => {
      this.#log.warn('yamux: stream was not acknowledged in time', { to: this.remote.host });
      this.#shut(yamuxErrors.openTimeout());
    });
    this.#unacknowledged.set(stream.id, timer);
    this.sendWindowUpdate(stream.id, Flag.syn, 0);
    stream.start();
  }

  /** The other side knows the stream: one more may be announced. */
  #acknowledged(streamId: number): void {
    const timer = this.#unacknowledged.get(streamId);
    if (timer === undefined) return;
    timer.cancel();
    this.#unacknowledged.delete(streamId);
    const next = this.#waitingOpens.shift();
    if (next !== undefined) this.#announce(next);
  }

  #control(frame: Uint8Array): void {
    if (this.#isClosed) return;
    if (this.#isCongested) {
      this.#controlBacklog += frame.length;
      if (this.#controlBacklog > CONTROL_BACKLOG_BYTES) {
        this.#cut('the peer sends but does not read');
        return;
      }
    }
    this.#write(frame);
  }

  /** Frames of one turn leave together: many small writes cost more than what is in them. */
  #write(bytes: Uint8Array): void {
    this.#unsent.push(bytes);
    this.#unsentBytes += bytes.length;
    if (this.#unsentBytes >= BATCH_BYTES) this.#flush();
    else if (this.#unsent.length === 1) soon(this.#clock, this.#flushUnsent);
  }

  readonly #flushUnsent = (): void => this.#flush();

  #flush(): void {
    const chunks = this.#unsent;
    if (chunks.length === 0) return;
    const isSmall = this.#unsentBytes < BATCH_BYTES;
    this.#unsent = [];
    this.#unsentBytes = 0;
    let isRoomy = true;
    if (isSmall) isRoomy = this.#base.write(chunks.length === 1 ? chunks[0]! : concatBytes(chunks));
    else if (this.#base.writeAll) isRoomy = this.#base.writeAll(chunks);
    else for (const chunk of chunks) isRoomy = this.#base.write(chunk);
    if (!isRoomy) this.#isCongested = true;
  }

  #drained(): void {
    this.#isCongested = false;
    this.#controlBacklog = 0;
    while (this.#ready.size > 0 && !this.#isCongested && !this.#isClosed) {
      const [stream] = this.#ready;
      this.#ready.delete(stream!); // And to the end, when the connection fills up again.
      stream!.pump();
    }
  }

  #scheduleKeepAlive(): void {
    this.#pingTimer = this.#clock.after(this.#times.keepAliveMs, () => {
      this.#ping(this.#times.pingTimeoutMs);
      if (!this.#isClosed) this.#scheduleKeepAlive();
    });
  }

  /** Pings out of turn: a session whose other side does not answer within `timeoutMs` ends, as when it is not kept alive. */
  probe(timeoutMs: Millis): void {
    if (!this.#isClosed) this.#ping(timeoutMs);
  }

  #ping(timeoutMs: Millis): void {
    this.#pongTimer?.cancel();
    this.#pingId = (this.#pingId + 1) >>> 0;
    this.#pongTimer = this.#clock.after(timeoutMs, () => {
      this.#log.warn('yamux: keepalive failed: i/o deadline reached', { peer: this.remote.host });
      this.#shut(yamuxErrors.keepAliveTimeout());
    });
    this.#control(encodeHeader(FrameType.ping, Flag.syn, 0, this.#pingId));
  }

  // Closing.

  /** The other side broke a rule. Returns false. */
  #cut(reason: string): false {
    if (this.#isClosed) return false;
    this.#log.warn('yamux: closing the session', { from: this.remote.host, port: this.remote.port, reason });
    this.#write(encodeHeader(FrameType.goAway, 0, 0, GoAway.protocolError));
    this.#shut(new YamuxError('YAMUX_PROTOCOL', `protocol error: ${reason}`));
    return false;
  }

  #baseClosed(error: Error | undefined): void {
    // However a connection ends, callers know it by this text and try again.
    if (error && !this.#isClosed) this.#log.debug('yamux: connection lost', { peer: this.remote.host, error });
    this.#shut(yamuxErrors.endOfFile());
    this.#lingerTimer?.cancel();
  }

  #shut(error: Error | undefined): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#error = error;
    this.#pingTimer?.cancel();
    this.#pongTimer?.cancel();
    this.#heldTimer?.cancel();
    if (this.#held.length > 0) this.#base.resume();
    this.#held = [];
    for (const timer of this.#unacknowledged.values()) timer.cancel();
    this.#unacknowledged.clear();
    this.#waitingOpens.length = 0;
    for (const stream of [...this.#streams.values()]) stream.finish(error ?? yamuxErrors.sessionShutdown());
    this.#ready.clear();
    this.#flush();
    this.#base.end();
    // A peer that does not read would keep the connection for ever.
    this.#lingerTimer = this.#clock.after(this.#times.lingerMs, () => this.#base.destroy());
    this.#closeHandler?.(error);
  }
}
