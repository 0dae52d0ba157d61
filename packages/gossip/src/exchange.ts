import {
  type Clock,
  concatBytes,
  type Endpoint,
  errorText,
  type Log,
  type Metrics,
  type Network,
  ProtocolError,
  type Stream,
} from '@proconsul/base';
import { addressText, hostPort } from './address.ts';
import type { Crypt } from './crypt.ts';
import { type Delegate, type GossipNode, NodeState } from './delegate.ts';
import { GossipError } from './errors.ts';
import { MERGE_SLICE, PUSH_PULLS_MAX, STREAMS_MAX } from './limits.ts';
import type { Members } from './members.ts';
import { nodeRecord } from './node-messages.ts';
import type { MemberlistOptions } from './options.ts';
import type { StateRules } from './state-rules.ts';
import { StreamBudget } from './stream-budget.ts';
import { type StreamMessage, StreamReader } from './stream-reader.ts';
import { checkVersions } from './versions.ts';
import { MessageType } from './wire/message-type.ts';
import { ack, err, type NodeStateRecord, type Ping, ping } from './wire/messages.ts';
import { encodePushPull, type PushPull } from './wire/push-pull.ts';
import { userStream } from './wire/user-message.ts';
import { compressMessage, labelHeader } from './wire/wrappers.ts';

export interface ExchangeDependencies {
  readonly clock: Clock;
  readonly network: Network;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly delegate: Delegate;
  readonly members: Members;
  readonly rules: StateRules;
  readonly crypt: Crypt;
}

/** Everything that goes over streams: full exchanges, probes where packets fail, messages that must arrive. */
export class Exchange {
  readonly #options: MemberlistOptions;
  readonly #d: ExchangeDependencies;
  readonly #label: Uint8Array;
  readonly #budget = new StreamBudget();
  readonly #open = new Set<Stream>();
  #pushPulls = 0;
  #stopped = false;

  constructor(options: MemberlistOptions, dependencies: ExchangeDependencies) {
    this.#options = options;
    this.#d = dependencies;
    this.#label = labelHeader(options.label);
  }

  /** Exchanges everything with whoever listens there. Rejects with what went wrong. */
  async pushPull(to: Endpoint, name: string, join: boolean): Promise<void> {
    const { log, clock, metrics } = this.#d;
    log.debug(`memberlist: Initiating push/pull sync with: ${name} ${hostPort(to.host, to.port)}`);
    const startedAt = clock.now();
    const answer = await this.#ask(to, encodePushPull(this.#localState(join)), this.#options.tcpTimeoutMs);
    if (answer.kind === 'err') throw new GossipError('REMOTE', `remote error: ${answer.text}`);
    if (answer.kind !== 'pushPull') throw new GossipError('REMOTE', `received invalid message: ${answer.kind}`);
    await this.#merge(answer.state, join);
    metrics.sample('memberlist.pushPullNode', clock.now() - startedAt, this.#options.metricLabels);
  }

  /** Whether the member answers over a stream. Rejects when it does not. */
  async ping(to: Endpoint, request: Ping, timeoutMs: number): Promise<void> {
    const answer = await this.#ask(to, ping.encode(MessageType.ping, request), timeoutMs);
    if (answer.kind === 'err') throw new GossipError('REMOTE', `remote error: ${answer.text}`);
    if (answer.kind !== 'ack' || answer.sequence !== request.SeqNo) {
      throw new GossipError('REMOTE', `Unexpected answer (${answer.kind}) to ping`);
    }
  }

  /** A message for the other's delegate. Resolves when it was handed to the network. */
  async sendUser(to: Endpoint, body: Uint8Array): Promise<void> {
    const stream = await this.#dial(to, this.#options.tcpTimeoutMs);
    this.#write(stream, userStream(body), true);
    stream.onData(() => undefined);
    stream.end();
    this.#closeWithin(stream, this.#options.tcpTimeoutMs);
  }

  /** A stream that somebody has opened. */
  accept(stream: Stream): void {
    const { log, metrics } = this.#d;
    const from = hostPort(stream.remote.host, stream.remote.port);
    if (this.#stopped || this.#open.size >= STREAMS_MAX) {
      log.warn(`memberlist: Too many streams, refusing one from=${from}`);
      stream.onClose(() => undefined);
      return stream.destroy();
    }
    metrics.count('memberlist.tcp.accept', 1, this.#options.metricLabels);
    log.debug(`memberlist: Stream connection from=${from}`);
    void this.#serve(stream, from);
  }

  /** Drops all that is open. */
  stop(): void {
    this.#stopped = true;
    for (const stream of this.#open) stream.destroy();
  }

  async #serve(stream: Stream, from: string): Promise<void> {
    const reader = this.#reader(stream, this.#options.label);
    const deadline = this.#closeWithin(stream, this.#options.tcpTimeoutMs, reader);
    try {
      await this.#serveMessage(stream, from, reader, deadline);
    } finally {
      reader.release();
    }
  }

  async #serveMessage(stream: Stream, from: string, reader: StreamReader, deadline: { close(): void }): Promise<void> {
    const { log } = this.#d;
    let message: StreamMessage;
    try {
      message = await reader.read();
    } catch (error) {
      deadline.close();
      if (error instanceof ProtocolError && error.code === 'LABEL') {
        log.error(`memberlist: ${error.message} from=${from}`);
        return stream.destroy();
      }
      log.error(`memberlist: failed to receive: ${errorText(error)} from=${from}`);
      this.#write(stream, err.encode(MessageType.err, { Error: errorText(error) }), false);
      return stream.end();
    }
    deadline.close();
    if (!this.#stopped) await this.#answer(stream, message, from);
  }

  async #answer(stream: Stream, message: StreamMessage, from: string): Promise<void> {
    const { log, delegate } = this.#d;
    switch (message.kind) {
      case 'user':
        stream.end();
        return delegate.onMessage(message.body);
      case 'ping': {
        const { Node, SeqNo } = message.ping;
        if (Node !== '' && Node !== this.#options.name) {
          log.warn(`memberlist: Got ping for unexpected node ${Node} from=${from}`);
        } else this.#write(stream, ack.encode(MessageType.ack, { SeqNo, Payload: null }), false);
        return stream.end();
      }
      case 'pushPull':
        return this.#answerPushPull(stream, message.state, from);
      default:
        log.error(`memberlist: Received invalid msgType (${message.kind}) from=${from}`);
        stream.end();
    }
  }

  /** Answers first and merges afterwards, so that somebody whom we refuse still learns who we are. */
  async #answerPushPull(stream: Stream, state: PushPull, from: string): Promise<void> {
    const { log } = this.#d;
    if (this.#pushPulls >= PUSH_PULLS_MAX) {
      log.error('memberlist: Too many pending push/pull requests');
      return stream.end();
    }
    this.#pushPulls++;
    try {
      this.#write(stream, encodePushPull(this.#localState(state.join)), false);
      stream.end();
      await this.#merge(state, state.join);
    } catch (error) {
      log.error(`memberlist: Failed push/pull merge: ${errorText(error)} from=${from}`);
    } finally {
      this.#pushPulls--;
    }
  }

  async #ask(to: Endpoint, message: Uint8Array, timeoutMs: number): Promise<StreamMessage> {
    const stream = await this.#dial(to, timeoutMs);
    const reader = this.#reader(stream, undefined);
    const deadline = this.#closeWithin(stream, timeoutMs, reader);
    try {
      const answer = reader.read();
      this.#write(stream, message, true);
      return await answer;
    } finally {
      reader.release();
      deadline.close();
      stream.destroy();
    }
  }

  async #dial(to: Endpoint, timeoutMs: number): Promise<Stream> {
    if (this.#stopped) throw new GossipError('CLOSED', 'memberlist: shut down');
    const stream = await this.#d.network.dial({ ...to, timeoutMs });
    this.#d.metrics.count('memberlist.tcp.connect', 1, this.#options.metricLabels);
    if (!this.#stopped) return stream;
    stream.destroy();
    throw new GossipError('CLOSED', 'memberlist: shut down');
  }

  #reader(stream: Stream, label: string | undefined): StreamReader {
    const { clock, crypt } = this.#d;
    return new StreamReader(stream, { clock, crypt, budget: this.#budget, label });
  }

  /** Only the dialling side sends the label. */
  #write(stream: Stream, message: Uint8Array, isDialler: boolean): void {
    const sealed = this.#d.crypt.sealStream(this.#options.compress ? compressMessage(message) : message);
    const bytes = isDialler && this.#label.length > 0 ? concatBytes([this.#label, sealed]) : sealed;
    this.#d.metrics.count('memberlist.tcp.sent', bytes.length, this.#options.metricLabels);
    stream.write(bytes);
  }

  /**
   * Bounds the life of a stream. With a reader: the reader fails when the time is up; `close` ends the watch for it, and
   * the stream has as long again to go away by itself.
   */
  #closeWithin(stream: Stream, timeoutMs: number, reader?: StreamReader): { close(): void } {
    const { clock } = this.#d;
    this.#open.add(stream);
    const forget = (): void => {
      timer.cancel();
      this.#open.delete(stream);
    };
    const timeUp = (): void => {
      this.#open.delete(stream);
      const path = [stream.local, stream.remote].map(({ host, port }) => hostPort(host, port)).join('->');
      reader?.fail(new GossipError('TIMEOUT', `read tcp ${path}: i/o timeout`));
      stream.destroy();
    };
    let timer = clock.after(timeoutMs, timeUp);
    if (reader === undefined) stream.onClose(forget);
    return {
      close: () => {
        timer.cancel();
        timer = clock.after(timeoutMs, timeUp);
        stream.onClose(forget);
      },
    };
  }

  #localState(join: boolean): PushPull {
    const { members, delegate, metrics } = this.#d;
    const userState = delegate.localState(join);
    metrics.gauge('memberlist.size.local', userState.length, this.#options.metricLabels);
    return { join, nodes: members.all().map(({ node }) => nodeRecord(node)), userState };
  }

  async #merge({ nodes, userState }: PushPull, join: boolean): Promise<void> {
    const { members, delegate, rules, clock, metrics } = this.#d;
    metrics.sample('memberlist.size.remote', userState.length, this.#options.metricLabels);
    const refusal =
      checkVersions(nodes, members.all()) ?? (join ? delegate.onMerge?.(nodes.map((n) => this.#asNode(n))) : undefined);
    if (refusal !== undefined) throw new GossipError('REFUSED', refusal);
    for (const [i, record] of nodes.entries()) {
      if (i > 0 && i % MERGE_SLICE === 0) await new Promise<void>((resolve) => void clock.after(0, resolve));
      if (this.#stopped) return;
      rules.merge(record);
    }
    if (userState.length > 0) delegate.mergeState(userState, join);
  }

  #asNode(record: NodeStateRecord): GossipNode {
    const v = record.Vsn ?? [];
    return {
      name: record.Name,
      address: addressText(record.Addr) ?? '',
      port: record.Port || (this.#d.members.get(this.#options.name)?.node.port ?? 0),
      meta: record.Meta ?? new Uint8Array(0),
      state: (record.State <= NodeState.left ? record.State : NodeState.dead) as NodeState,
      incarnation: record.Incarnation,
      versions: [v[0] ?? 0, v[1] ?? 0, v[2] ?? 0, v[3] ?? 0, v[4] ?? 0, v[5] ?? 0],
    };
  }
}
