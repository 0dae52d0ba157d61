import { CONSUL_VERSION, errorText, type Log, type Timer } from '@proconsul/base';
import type { Serf, SerfEvent, SerfMember } from '@proconsul/serf';
import {
  FLOOD_PERIOD_MS,
  floodTargets,
  type PoolMember,
  parseServerTags,
  type ServerDirectory,
  type ServerInfo,
  type WanRouter,
} from '@proconsul/server';
import type { AgentContext } from '../context.ts';
import { lanRefusal, wanRefusal } from './merge-rules.ts';
import { hasPool, makePool } from './pools.ts';
import { LAN_WRAPPING, startPool, WAN_WRAPPING } from './start-pool.ts';
import { serverTags, wanTags } from './tags.ts';
import { together } from './together.ts';

/** What the rest of the server hears from its pools. */
export interface ServerPoolEvents {
  readonly directory: ServerDirectory;
  readonly router: WanRouter;
  /** After the directory has taken note of it. */
  lanChanged(what: Extract<SerfEvent, { kind: 'member' }>['what'], member: SerfMember): void;
  userEvent(event: Extract<SerfEvent, { kind: 'user' }>): void;
  quit(): void;
}

/** Changes of members come together; the WAN is flooded once for all of them. */
const FLOOD_DELAY_MS = 1000;

/** The LAN and the WAN pool of a server. */
export class ServerPools {
  readonly #context: AgentContext;
  readonly #events: ServerPoolEvents;
  readonly #log: Log;
  #lan: Serf | undefined;
  #wan: Serf | undefined;
  #floodTimer: Timer | undefined;
  #floodSoon: Timer | undefined;
  #stopped = false;
  #leaveKnown: () => void = () => undefined;

  constructor(context: AgentContext, events: ServerPoolEvents) {
    this.#context = context;
    this.#events = events;
    this.#log = context.log.named('server');
  }

  get lan(): Serf {
    return this.#lan as Serf;
  }

  get wan(): Serf | undefined {
    return this.#wan;
  }

  /** Rejects with Consul's text when a port is taken or a key is none. */
  async start(): Promise<void> {
    const config = this.#context.config();
    const tags = this.#tags();
    const onQuit = () => this.#events.quit();
    if (hasPool('wan', config)) {
      const isServer = (c: unknown) => parseServerTags(c as PoolMember) !== undefined;
      this.#wan = await makePool('wan', this.#context, {
        tags: wanTags(tags),
        onEvent: (event) => this.#wanEvent(event),
        refuse: (members) => wanRefusal(members, isServer),
        onQuit,
      });
    }
    const us = { nodeName: config.nodeName, nodeId: this.#context.nodeId, datacenter: config.datacenter };
    this.#lan = await makePool('lan', this.#context, {
      tags,
      onEvent: (event) => this.#lanEvent(event),
      refuse: (members) => lanRefusal(members, us),
      onQuit,
    });
    await together([
      startPool(this.#wan, 'WAN Serf', config.serfBindAddrWan, WAN_WRAPPING),
      startPool(this.#lan, 'LAN Serf', config.serfBindAddrLan, LAN_WRAPPING),
    ]).catch((error) => {
      throw new Error(`Failed to start Consul server: ${errorText(error)}`);
    });
    this.#flood();
  }

  #tags(): Readonly<Record<string, string>> {
    const c = this.#context.config();
    const { caFile, caPath } = c.tls.internalRpc;
    return serverTags({
      datacenter: c.datacenter,
      nodeId: this.#context.nodeId,
      version: CONSUL_VERSION,
      serverPort: c.rpcAdvertiseAddr.port,
      grpcPort: c.ports.grpc,
      grpcTlsPort: c.ports.grpcTls,
      wanPort: c.serfAdvertiseAddrWan?.port ?? -1,
      aclEnabled: c.acl.enabled,
      bootstrap: c.bootstrap,
      bootstrapExpect: c.bootstrapExpect,
      useTls: caFile !== '' || caPath !== '',
    });
  }

  #lanEvent(event: SerfEvent): void {
    if (event.kind === 'user') this.#events.userEvent(event);
    if (event.kind !== 'member') return;
    const { what, member } = event;
    if (what === 'leave' && member.name === this.lan.self.name) this.#leaveKnown();
    const { directory } = this.#events;
    const before = directory.byName(member.name);
    if (what === 'reap' || what === 'leave') directory.remove(member.name);
    else directory.update(member);
    this.#told(what, before, directory.byName(member.name));
    this.#events.lanChanged(what, member);
    this.#floodLater();
  }

  #told(what: string, before: ServerInfo | undefined, now: ServerInfo | undefined): void {
    const text = (s: ServerInfo) => `${s.shortName} (Addr: tcp/${s.address}) (DC: ${s.datacenter})`;
    if (now !== undefined && what !== 'failed') {
      const isNew = before === undefined || before.address !== now.address || before.status !== now.status;
      if (isNew) this.#log.info('Adding LAN server', { server: text(now) });
    } else if (before !== undefined) this.#log.info('Removing LAN server', { server: text(before) });
  }

  #wanEvent(event: SerfEvent): void {
    if (event.kind !== 'member') return;
    const { what, member } = event;
    if (what === 'reap' || what === 'leave') this.#events.router.remove(member.name);
    else this.#events.router.update(member);
    this.#log.info('Handled event for server in area', { event: `member-${what}`, server: member.name, area: 'wan' });
    this.#floodLater();
  }

  #floodLater(): void {
    if (this.#stopped || this.#wan === undefined) return;
    this.#floodSoon ??= this.#context.clock.after(FLOOD_DELAY_MS, () => {
      this.#floodSoon = undefined;
      this.#flood();
    });
  }

  /** Brings the servers of the LAN into the WAN, now and each minute. */
  #flood(): void {
    if (this.#stopped || this.#wan === undefined) return;
    this.#floodTimer?.cancel();
    this.#floodTimer = this.#context.clock.after(FLOOD_PERIOD_MS, () => this.#flood());
    const targets = floodTargets(this.#events.directory.all(), this.#wan.members());
    for (const { name, host, port } of targets) {
      this.#wan.join([{ host, port }], { ignoreOldEvents: true }).then(
        ({ joined, errors }) => {
          if (joined > 0) this.#log.debug('Successfully performed flood-join for server at address', { server: name });
          else this.#log.debug('Failed to flood-join server at address', { server: name, error: errors[0]?.message });
        },
        (error) => this.#log.debug('Failed to flood-join server', { server: name, error: errorText(error) }),
      );
    }
  }

  /**
   * Leaves both pools at once: they have different members, and neither looks at the other for this. `known` is called
   * when the LAN has been told, a while before it is sure that everybody has heard.
   */
  async leave(known: () => void): Promise<void> {
    this.#endFlood();
    this.#leaveKnown = known;
    await Promise.all([this.#wan?.leave(), this.#lan?.leave()]);
    known();
  }

  #endFlood(): void {
    this.#stopped = true;
    this.#floodTimer?.cancel();
    this.#floodSoon?.cancel();
  }

  async stop(): Promise<void> {
    this.#endFlood();
    await Promise.all([this.#wan?.stop(), this.#lan?.stop()]);
  }
}
