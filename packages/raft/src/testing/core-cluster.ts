import { seededRng } from '@proconsul/base';
import type { Server, Suffrage } from '../configuration.ts';
import { msgpackConfiguration } from '../configuration-codec.ts';
import { RaftCore } from '../core/core.ts';
import type { RaftEffect, RaftInput, Sent } from '../core/inputs.ts';
import type { RaftRequest, RaftResponse } from '../core/messages.ts';
import { TermRuns } from '../core/term-runs.ts';
import type { Entry } from '../entry.ts';

/** An input without its moment, which the cluster adds. */
type Untimed<T> = T extends unknown ? Omit<T, 'at'> : never;

export interface CoreNode {
  readonly id: string;
  core: RaftCore;
  /** The log by index - 1, without compaction. */
  log: Entry[];
  snapshotIndex: number;
  vote: { term: number; votedFor: string | undefined };
  timerAt: number | undefined;
  committed: number;
  down: boolean;
  /** Entries are not reported durable while this is set. */
  slowDisk: boolean;
  readonly effects: RaftEffect[];
  readonly respond: Map<number, (response: RaftResponse) => void>;
  readonly outcomes: Map<number, string>;
}

interface Message {
  readonly from: string;
  readonly to: string;
  readonly kind: RaftRequest['kind'];
  deliver(): void;
  /** Nobody will answer: the transport says so. */
  lose(): void;
}

const TIMES = { heartbeatTimeoutMs: 1000, electionTimeoutMs: 1000, leaderLeaseTimeoutMs: 500 } as const;

/** Some cores, the messages between them, and a clock that moves by hand. Disks are instant unless told otherwise. */
export class CoreCluster {
  at = 0;
  readonly nodes = new Map<string, CoreNode>();
  readonly messages: Message[] = [];
  readonly sent: { from: string; to: string; request: RaftRequest }[] = [];
  /** Pairs `from>to` that do not get through. */
  readonly cut = new Set<string>();
  readonly #preVote: boolean;
  readonly #scale: number;
  #tokens = 1000;

  /** `scale` makes all timeouts longer. */
  constructor(
    ids: readonly string[],
    options: { preVote?: boolean; suffrages?: Record<string, Suffrage>; scale?: number } = {},
  ) {
    this.#preVote = options.preVote ?? true;
    this.#scale = options.scale ?? 1;
    const servers: Server[] = ids.map((id) => ({
      id,
      address: `${id}:1`,
      suffrage: options.suffrages?.[id] ?? 'voter',
    }));
    const first: Entry = { index: 1, term: 1, type: 5, data: msgpackConfiguration.encode({ servers }) };
    for (const id of ids) this.#add(id, [first], { term: 1, votedFor: undefined });
  }

  /** A fresh server that no configuration names yet. */
  addFresh(id: string): CoreNode {
    return this.#add(id, [], { term: 0, votedFor: undefined });
  }

  #add(id: string, log: Entry[], vote: CoreNode['vote']): CoreNode {
    const node: CoreNode = {
      id,
      core: this.#core(id, log, vote),
      log,
      snapshotIndex: 0,
      vote,
      timerAt: undefined,
      committed: 0,
      down: false,
      slowDisk: false,
      effects: [],
      respond: new Map(),
      outcomes: new Map(),
    };
    this.nodes.set(id, node);
    return node;
  }

  #core(id: string, log: readonly Entry[], vote: CoreNode['vote']): RaftCore {
    const runs = new TermRuns();
    for (const { index, term } of log) runs.append(index, term);
    const configurations = log
      .filter((e) => e.type === 5)
      .map((e) => ({ index: e.index, configuration: msgpackConfiguration.decode(e.data) }));
    const options = { id, address: `${id}:1`, ...this.#times(), preVote: this.#preVote };
    return new RaftCore(
      options,
      { ...vote, runs, snapshotIndex: 0, configurations },
      seededRng(id),
      msgpackConfiguration,
    );
  }

  #times(): Record<keyof typeof TIMES, number> {
    const { heartbeatTimeoutMs, electionTimeoutMs, leaderLeaseTimeoutMs } = TIMES;
    const scaled = (ms: number) => ms * this.#scale;
    return {
      heartbeatTimeoutMs: scaled(heartbeatTimeoutMs),
      electionTimeoutMs: scaled(electionTimeoutMs),
      leaderLeaseTimeoutMs: scaled(leaderLeaseTimeoutMs),
    };
  }

  node(id: string): CoreNode {
    return this.nodes.get(id)!;
  }

  /** Forgets what was not durable. */
  restart(id: string): void {
    const node = this.node(id);
    node.down = false;
    node.committed = 0;
    node.log = node.log.slice(0, node.slowDisk ? node.core.durableIndex : node.log.length);
    node.core = this.#core(id, node.log, node.vote);
    node.respond.clear();
    this.input(id, { kind: 'start' });
  }

  startAll(): void {
    for (const id of this.nodes.keys()) this.input(id, { kind: 'start' });
  }

  input(id: string, input: Untimed<RaftInput>): RaftEffect[] {
    const node = this.node(id);
    if (node.down) return [];
    const effects: RaftEffect[] = [];
    node.core.step({ ...input, at: this.at } as RaftInput, effects);
    node.effects.push(...effects);
    for (const effect of effects) this.#carryOut(node, effect);
    return effects;
  }

  /** Asks with a token and returns it; the outcome is in the node's `outcomes`. */
  ask(
    id: string,
    input: Untimed<Extract<RaftInput, { kind: 'verify' | 'transfer-leadership' | 'change-membership' }>>,
  ): number {
    this.input(id, input as Untimed<RaftInput>);
    return input.token;
  }

  propose(id: string, ...texts: string[]): void {
    const entries = texts.map((text) => ({ type: 0, data: new TextEncoder().encode(text) }));
    this.input(id, { kind: 'propose', appendedAtMs: 0, entries });
  }

  durable(id: string): void {
    const node = this.node(id);
    this.input(id, { kind: 'durable', index: node.log.length });
  }

  /** Hands a request to `to` as if it came from the network, and returns the answer if there is one at once. */
  request(to: string, request: RaftRequest): RaftResponse | undefined {
    let answer: RaftResponse | undefined;
    this.#request(to, request, (response) => {
      answer = response;
    });
    return answer;
  }

  #request(to: string, request: RaftRequest, respond: (response: RaftResponse) => void): void {
    const token = this.#tokens++;
    this.node(to).respond.set(token, respond);
    this.input(to, { kind: 'request', token, request });
  }

  #carryOut(node: CoreNode, e: RaftEffect): void {
    switch (e.kind) {
      case 'persist-vote':
        node.vote = { term: e.term, votedFor: e.votedFor };
        return;
      case 'append':
        if (e.truncateFrom !== undefined) node.log.length = e.truncateFrom - 1;
        node.log.push(...e.entries);
        if (!node.slowDisk)
          this.#later(
            node.id,
            node.id,
            'append-entries',
            () => this.durable(node.id),
            () => undefined,
          );
        return;
      case 'send':
        return this.#send(node, e.to, e.request, e.sent);
      case 'send-entries': {
        const header = { kind: 'append-entries' as const, from: node.id, address: `${node.id}:1`, term: e.term };
        const { prevLogIndex, prevLogTerm, leaderCommit } = e;
        const entries = node.log.slice(e.from - 1, e.last);
        return this.#send(node, e.to, { ...header, prevLogIndex, prevLogTerm, entries, leaderCommit }, e.sent);
      }
      case 'respond':
        node.respond.get(e.token)?.(e.response);
        node.respond.delete(e.token);
        return;
      case 'commit':
        node.committed = e.index;
        return;
      case 'set-timer':
        node.timerAt = e.at;
        return;
      case 'done':
        node.outcomes.set(e.token, 'done');
        return;
      case 'refused':
        node.outcomes.set(e.token, e.code);
        return;
      default:
        return;
    }
  }

  #send(node: CoreNode, to: Server, request: RaftRequest, sent: Sent): void {
    this.sent.push({ from: node.id, to: to.id, request });
    const { core } = node;
    const answer = (response: RaftResponse | undefined): void => {
      if (node.core === core) this.input(node.id, { kind: 'response', from: to.id, sent, response });
    };
    const lose = (): void => answer(undefined);
    const deliver = (): void => {
      if (!this.nodes.has(to.id) || this.node(to.id).down) return lose();
      this.#request(to.id, request, (response) => {
        this.#later(to.id, node.id, request.kind, () => answer(response), lose);
      });
    };
    this.#later(node.id, to.id, request.kind, deliver, lose);
  }

  #later(from: string, to: string, kind: RaftRequest['kind'], deliver: () => void, lose: () => void): void {
    this.messages.push({ from, to, kind, deliver, lose });
  }

  /** Delivers what is under way, and what follows from it. What may not get through is lost. */
  deliver(only: (m: { from: string; to: string; kind: string }) => boolean = () => true): void {
    for (let left = 10_000; left > 0; left--) {
      const at = this.messages.findIndex(only);
      if (at < 0) return;
      const [message] = this.messages.splice(at, 1);
      if (this.cut.has(`${message!.from}>${message!.to}`)) message!.lose();
      else message!.deliver();
    }
    throw new Error('the cluster does not come to rest');
  }

  /** Cuts `id` off from everybody, in both directions. */
  isolate(id: string): void {
    for (const other of this.nodes.keys()) {
      if (other === id) continue;
      this.cut.add(`${id}>${other}`).add(`${other}>${id}`);
    }
  }

  heal(): void {
    this.cut.clear();
  }

  /** Moves time on; timers fire when they are due, messages arrive at once. */
  advance(ms: number): void {
    const until = this.at + ms;
    for (;;) {
      this.deliver();
      const due = [...this.nodes.values()]
        .filter((n) => !n.down && n.timerAt !== undefined && n.timerAt <= until)
        .sort((a, b) => a.timerAt! - b.timerAt!)[0];
      if (!due) break;
      this.at = Math.max(this.at, due.timerAt!);
      due.timerAt = undefined;
      this.input(due.id, { kind: 'timer' });
    }
    this.at = until;
  }

  leaders(): string[] {
    return [...this.nodes.values()].filter((n) => !n.down && n.core.role === 'leader').map((n) => n.id);
  }

  /** The election timer of `id` runs out. Where the time for that is over, it takes it for a time in which it stood still itself. */
  timeUp(id: string): RaftEffect[] {
    const node = this.node(id);
    const due = node.timerAt ?? this.at;
    if (due < this.at) this.input(id, { kind: 'timer' });
    this.at = Math.max(this.at, node.timerAt ?? this.at);
    return this.input(id, { kind: 'timer' });
  }

  /** Makes `id` the leader by letting only it stand. */
  elect(id: string): void {
    this.at += 2000;
    this.timeUp(id);
    this.deliver();
  }

  texts(id: string): string[] {
    return this.node(id)
      .log.filter((e) => e.type === 0)
      .map((e) => new TextDecoder().decode(e.data));
  }

  logsOf(id: string): string {
    return this.node(id)
      .log.map((e) => `${e.index}/${e.term}`)
      .join(' ');
  }
}
