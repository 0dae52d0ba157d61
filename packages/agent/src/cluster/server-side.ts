import { CONSUL_VERSION, MemoryDisk } from '@proconsul/base';
import type { Caller } from '@proconsul/endpoints';
import type { UserEvent } from '@proconsul/http-api';
import type { NetworkCoordinate } from '@proconsul/serf';
import { type AgentContext, nodeIdentity } from '../context.ts';
import { LocalServer } from '../local-server.ts';
import type { Stats } from '../self.ts';
import { serverGauges } from '../server-gauges.ts';
import { decodeEventPayload, encodeEventPayload } from './event-payload.ts';
import { LoneMembership } from './lone-membership.ts';
import type { Membership } from './membership.ts';
import type { ClusterSide, KeyringAnswer, SideEvents, SnapshotOptions } from './side.ts';
import { serverTags } from './tags.ts';

const ORIGIN: NetworkCoordinate = { Vec: [0, 0, 0, 0, 0, 0, 0, 0], Error: 1.5, Adjustment: 0, Height: 1e-5 };

/** The server of a datacenter. */
export class ServerSide implements ClusterSide {
  readonly #context: AgentContext;
  readonly #events: SideEvents;
  readonly #server: LocalServer;
  readonly membership: Membership;
  #eventTime = 1;

  constructor(context: AgentContext, events: SideEvents) {
    this.#context = context;
    this.#events = events;
    const { nodeId, clock, rng, log, metrics } = context;
    const config = context.config();
    const tags = serverTags({
      datacenter: config.datacenter,
      nodeId,
      version: CONSUL_VERSION,
      serverPort: config.rpcAdvertiseAddr.port,
      grpcPort: config.ports.grpc,
      grpcTlsPort: config.ports.grpcTls,
      wanPort: config.serfAdvertiseAddrWan?.port ?? -1,
      aclEnabled: config.acl.enabled,
      bootstrap: config.bootstrap,
      bootstrapExpect: config.bootstrapExpect,
      useTls: false,
    });
    this.membership = new LoneMembership({
      name: config.nodeName,
      datacenter: config.datacenter,
      lan: config.serfAdvertiseAddrLan,
      wan: config.serfAdvertiseAddrWan,
      tags,
    });
    this.#server = new LocalServer({
      config,
      nodeId,
      disk: context.disk ?? new MemoryDisk(),
      clock,
      rng,
      log,
      metrics,
      identity: () => nodeIdentity(context),
      tags: () => tags,
      onLeading: () => events.serverUp(),
    });
    metrics.collectWith(
      serverGauges(metrics, this.#server, {
        datacenter: config.datacenter,
        members: () => {
          const lan = this.membership.lan();
          const servers = lan.filter((m) => m.Tags['role'] === 'consul').length;
          return { servers, clients: lan.length - servers };
        },
      }),
    );
  }

  get caller(): Caller {
    return this.#server.server;
  }

  async start(): Promise<void> {
    const { log, config } = this.#context;
    const { nodeName, advertiseAddrLan } = config();
    log.named('server').named('serf').named('lan').info(`serf: EventMemberJoin: ${nodeName} ${advertiseAddrLan}`);
    await this.#server.start();
  }

  join(): void {}

  async leave(): Promise<void> {
    this.#context.log.named('server').info('server starting leave');
  }

  stop(): Promise<void> {
    return this.#server.stop();
  }

  reload(): void {}

  stats(): Stats {
    return this.#server.stats();
  }

  coordinate(): NetworkCoordinate {
    return ORIGIN;
  }

  async fireEvent(event: UserEvent): Promise<void> {
    this.#events.userEvent(decodeEventPayload(encodeEventPayload(event), ++this.#eventTime));
  }

  async keyring(): Promise<readonly KeyringAnswer[]> {
    const { datacenter: Datacenter, nodeName } = this.#context.config();
    const answer = (WAN: boolean, name: string): KeyringAnswer => ({
      WAN,
      Datacenter,
      Segment: '',
      Messages: { [name]: 'Keyring is empty (encryption not enabled)' },
      Keys: null,
      PrimaryKeys: null,
      NumNodes: 1,
      Error: '1/1 nodes reported failure',
    });
    return [answer(true, `${nodeName}.${Datacenter}`), answer(false, nodeName)];
  }

  snapshotSave(_o: SnapshotOptions) {
    return this.#server.save();
  }

  snapshotRestore(archive: AsyncIterable<Uint8Array>): Promise<void> {
    return this.#server.restore(archive);
  }
}
