import { type Endpoint, errorText, type Labels, type Log, type Metrics } from '@proconsul/base';
import { addressText, type Delegate, type GossipNode, hostPort } from '@proconsul/gossip';
import type { Coordinates } from './coordinates.ts';
import type { SerfMember } from './events.ts';
import { memberOf } from './member-codec.ts';
import type { MemberTable } from './member-table.ts';
import {
  decodeJoin,
  decodeLeave,
  decodeQuery,
  decodeQueryResponse,
  decodeRelay,
  decodeUserEvent,
  MessageType,
} from './messages.ts';
import { decodePushPull, encodePushPull } from './push-pull-state.ts';
import type { Queries } from './queries.ts';
import type { Queues } from './queues.ts';
import type { UserEvents } from './user-events.ts';

export interface DelegateParts {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly labels: Labels;
  readonly members: MemberTable;
  readonly events: UserEvents;
  readonly queries: Queries;
  readonly queues: Queues;
  readonly coordinates: Coordinates;
  /** Our tags as meta. */
  meta(): Uint8Array;
  isStopped(): boolean;
  /** A join of ours is under way, and what happened before it is not for us. */
  ignoresOldEvents(): boolean;
  send(to: Endpoint, message: Uint8Array): void;
  refuse(members: readonly SerfMember[]): string | undefined;
  conflict(existing: GossipNode, other: GossipNode): void;
}

/** What the gossip pool tells Serf, led to its parts. Nothing that a message holds makes it throw. */
export class SerfDelegate implements Delegate {
  readonly #p: DelegateParts;

  constructor(parts: DelegateParts) {
    this.#p = parts;
  }

  meta(): Uint8Array {
    return this.#p.meta();
  }

  onMessage(message: Uint8Array): void {
    const { log, metrics, labels } = this.#p;
    if (this.#p.isStopped() || message.length === 0) return;
    metrics.sample('serf.msgs.received', message.length, labels);
    const handler = this.#handlers[message[0] as number];
    if (handler === undefined) {
      log.warn(`serf: Received message of unknown type: ${message[0]}`);
      return;
    }
    try {
      handler(message);
    } catch (error) {
      log.error(`serf: Error decoding message of type ${message[0]}: ${errorText(error)}`);
    }
  }

  readonly #handlers: Readonly<Record<number, ((message: Uint8Array) => void) | undefined>> = {
    [MessageType.leave]: (message) => {
      const intent = decodeLeave(message);
      this.#p.log.debug(`serf: messageLeaveType: ${intent.Node}`);
      if (this.#p.members.leaveIntent(intent)) this.#p.queues.add(this.#p.queues.intents, message.slice());
    },
    [MessageType.join]: (message) => {
      const intent = decodeJoin(message);
      this.#p.log.debug(`serf: messageJoinType: ${intent.Node}`);
      if (this.#p.members.joinIntent(intent)) this.#p.queues.add(this.#p.queues.intents, message.slice());
    },
    [MessageType.userEvent]: (message) => {
      const event = decodeUserEvent(message);
      this.#p.log.debug(`serf: messageUserEventType: ${event.Name}`);
      if (this.#p.events.receive(event)) this.#p.queues.add(this.#p.queues.events, message.slice());
    },
    [MessageType.query]: (message) => {
      const query = decodeQuery(message);
      this.#p.log.debug(`serf: messageQueryType: ${query.Name}`);
      if (this.#p.queries.receive(query)) this.#p.queues.add(this.#p.queues.queries, message.slice());
    },
    [MessageType.queryResponse]: (message) => {
      const response = decodeQueryResponse(message);
      this.#p.log.debug(`serf: messageQueryResponseType: ${response.From}`);
      this.#p.queries.answered(response);
    },
    [MessageType.relay]: (message) => this.#relay(message),
  };

  #relay(message: Uint8Array): void {
    const { address, port, message: inner } = decodeRelay(message);
    const host = addressText(address);
    if (host === undefined || port === 0 || inner.length === 0) return;
    this.#p.log.debug(`serf: Relaying response to addr: ${hostPort(host, port)}`);
    this.#p.send({ host, port }, inner.slice());
  }

  broadcasts(overhead: number, limit: number): readonly Uint8Array[] {
    return this.#p.queues.take(overhead, limit);
  }

  localState(): Uint8Array {
    const { members, events, queries } = this.#p;
    return encodePushPull({
      ...events.state(),
      LTime: members.clock.time,
      LeftMembers: members.left(),
      QueryLTime: queries.clock.time,
      StatusLTimes: members.statusTimes(),
    });
  }

  mergeState(state: Uint8Array, isJoin: boolean): void {
    if (this.#p.isStopped()) return;
    try {
      this.#merge(state, isJoin);
    } catch (error) {
      this.#p.log.error(`serf: Failed to decode remote state: ${errorText(error)}`);
    }
  }

  #merge(bytes: Uint8Array, isJoin: boolean): void {
    const { members, events, queries } = this.#p;
    const state = decodePushPull(bytes);
    // Their clock is one ahead of what they have seen.
    if (state.LTime > 0) members.clock.witness(state.LTime - 1);
    if (state.QueryLTime > 0) queries.clock.witness(state.QueryLTime - 1);
    const left = new Set(state.LeftMembers);
    for (const name of left) {
      members.leaveIntent({ LTime: (state.StatusLTimes.get(name) ?? 0) + 1, Node: name, Prune: false });
    }
    for (const [name, time] of state.StatusLTimes) {
      if (!left.has(name)) members.joinIntent({ LTime: time, Node: name });
    }
    events.merge(state, isJoin && this.#p.ignoresOldEvents());
  }

  onJoin(node: GossipNode): void {
    this.#p.members.joined(node);
  }

  onLeave(node: GossipNode): void {
    this.#p.members.gone(node);
  }

  onUpdate(node: GossipNode): void {
    this.#p.members.updated(node);
  }

  onConflict(existing: GossipNode, other: GossipNode): void {
    this.#p.conflict(existing, other);
  }

  onMerge(nodes: readonly GossipNode[]): string | undefined {
    try {
      return this.#p.refuse(nodes.map((node) => memberOf(node)));
    } catch (error) {
      return `Failed to decode tags: ${errorText(error)}`;
    }
  }

  onAlive(node: GossipNode): string | undefined {
    return this.onMerge([node]);
  }

  ackPayload(): Uint8Array {
    return this.#p.coordinates.ackPayload();
  }

  onPingDone(node: GossipNode, rttMs: number, payload: Uint8Array): void {
    this.#p.coordinates.pingDone(node.name, rttMs, payload);
  }
}
