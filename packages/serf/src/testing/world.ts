import { fromUtf8, type LEVELS, type Log, noMetrics, seededRng, silentLog } from '@proconsul/base';
import { settle } from '@proconsul/base/testing';
import { EventQueue, SimClock } from '@proconsul/sim';
import type { SerfEvent, SerfMember } from '../events.ts';
import { SERF_DEFAULTS, type SerfOptions } from '../options.ts';
import { Serf, type SerfDependencies } from '../serf.ts';
import { FakeGossip, type FakePool } from './fake-gossip.ts';

export type Level = (typeof LEVELS)[number];

/** Members of one pool on virtual time. */
export class World {
  readonly queue = new EventQueue();
  readonly clock = new SimClock(this.queue);
  readonly rng;
  readonly gossip: FakeGossip;
  #port = 1;

  constructor(seed: number | string = 1) {
    this.rng = seededRng(seed);
    this.gossip = new FakeGossip(this.clock, this.rng);
  }

  /** Lets `ms` of virtual time pass, promises included. */
  async pass(ms: number): Promise<void> {
    const until = this.queue.now + ms;
    for (;;) {
      await settle();
      if (!this.queue.step(until)) break;
    }
    await settle();
  }

  member(
    name: string,
    options: Partial<SerfOptions> = {},
    more: Partial<SerfDependencies> = {},
    port = this.#port++,
  ): TestSerf {
    return new TestSerf(this, name, port, options, more);
  }

  /** Started members, all joined. */
  async members(...names: string[]): Promise<TestSerf[]> {
    const all = names.map((name) => this.member(name));
    for (const one of all) await one.serf.start();
    for (const one of all.slice(1)) await one.join(all[0]!);
    await this.pass(2_000);
    return all;
  }
}

/** One member, and what it was told and logged. */
export class TestSerf {
  readonly serf: Serf;
  readonly port: number;
  pool!: FakePool;
  readonly events: SerfEvent[] = [];
  readonly logged: string[] = [];
  /** Called with queries. */
  onQuery: (query: Extract<SerfEvent, { kind: 'query' }>['query']) => void = () => {};

  constructor(
    world: World,
    name: string,
    port: number,
    options: Partial<SerfOptions>,
    more: Partial<SerfDependencies>,
  ) {
    this.port = port;
    this.serf = new Serf(
      { ...SERF_DEFAULTS, name, tags: {}, ...options },
      {
        clock: world.clock,
        rng: world.rng,
        metrics: noMetrics,
        log: recordingLog(this.logged),
        pool: (delegate) => {
          this.pool = world.gossip.pool(name, port)(delegate);
          return this.pool;
        },
        onEvent: (event) => {
          this.events.push(event);
          if (event.kind === 'query') this.onQuery(event.query);
        },
        ...more,
      },
    );
  }

  join(other: TestSerf, ignoreOldEvents = false): Promise<{ joined: number; errors: readonly Error[] }> {
    return this.serf.join([{ host: '127.0.0.1', port: other.port }], { ignoreOldEvents });
  }

  /** `join a`, `failed b`, in order. */
  memberEvents(): string[] {
    return this.events.flatMap((e) => (e.kind === 'member' ? [`${e.what} ${e.member.name}`] : []));
  }

  /** `name=payload@time`, in order. */
  userEvents(): string[] {
    return this.events.flatMap((e) => (e.kind === 'user' ? [`${e.name}=${fromUtf8(e.payload)}`] : []));
  }

  statuses(): Record<string, SerfMember['status']> {
    return Object.fromEntries(this.serf.members().map((m) => [m.name, m.status]));
  }
}

export function recordingLog(lines: string[]): Log {
  const at = (level: Level) => (message: string) => void lines.push(`${level} ${message}`);
  return {
    ...silentLog,
    debug: at('DEBUG'),
    info: at('INFO'),
    warn: at('WARN'),
    error: at('ERROR'),
    named: () => recordingLog(lines),
  };
}
