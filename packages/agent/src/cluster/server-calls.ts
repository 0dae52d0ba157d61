import { noLeader } from '@proconsul/endpoints';
import { callError, type ExtraCalls, type RpcClient, type RpcPeer } from '@proconsul/rpc';
import { EventFireRequest, KeyringRequest, QueryMeta, type SnapshotRequest } from '@proconsul/schema';
import type { LocalServer } from '../local-server.ts';
import { EVENT_PREFIX } from './event-payload.ts';
import { KeyringOperations } from './keyring-operations.ts';
import type { ServerLinks } from './server-links.ts';
import type { ServerPools } from './server-pools.ts';
import { askForArchive, giveArchive, type SavedArchive, type SnapshotHandlers } from './snapshot-stream.ts';

export interface ServerCallsDependencies {
  readonly datacenter: string;
  readonly callTimeoutMs: number;
  readonly client: RpcClient;
  readonly links: ServerLinks;
  readonly pools: ServerPools;
  readonly server: LocalServer;
}

/** What a server is asked beside the methods of the state: events and keys of gossip, archives of the whole state. */
export class ServerCalls implements SnapshotHandlers {
  readonly #d: ServerCallsDependencies;

  constructor(dependencies: ServerCallsDependencies) {
    this.#d = dependencies;
  }

  get extra(): ExtraCalls {
    return new Map([
      ['Internal.EventFire', (body) => this.#eventFire(body)],
      ['Internal.KeyringOperation', (body) => this.keyring().call(body)],
    ]);
  }

  async #eventFire(body: Uint8Array): Promise<Uint8Array> {
    await this.fire(EventFireRequest.decodeWire(body));
    return QueryMeta.encodeWire(QueryMeta.make({ KnownLeader: true }));
  }

  /** Spreads an event in its datacenter. */
  async fire(request: EventFireRequest): Promise<void> {
    const { Datacenter, Name, Payload } = request;
    if (this.#isOurs(Datacenter)) {
      this.#d.pools.lan.userEvent(`${EVENT_PREFIX}${Name}`, Payload ?? new Uint8Array(0), false);
      return;
    }
    await this.#elsewhere(Datacenter, 'Internal.EventFire', EventFireRequest.encodeWire(request));
  }

  #isOurs(datacenter: string): boolean {
    return datacenter === '' || datacenter === this.#d.datacenter;
  }

  async #elsewhere(datacenter: string, method: string, body: Uint8Array): Promise<Uint8Array> {
    const peer = this.#d.links.datacenterPeer(datacenter);
    try {
      return await this.#d.client.call(peer, method, body, { timeoutMs: this.#d.callTimeoutMs });
    } catch (error) {
      throw callError(error);
    }
  }

  keyring(): KeyringOperations {
    const { datacenter, links, pools } = this.#d;
    return new KeyringOperations({
      datacenter,
      lan: pools.lan,
      wan: pools.wan,
      others: () => links.datacenters().filter((dc) => dc !== datacenter),
      forward: (dc, body) => {
        const request = KeyringRequest.decodeWire(body);
        const forwarded = KeyringRequest.encodeWire({ ...request, Datacenter: dc });
        return this.#elsewhere(dc, 'Internal.KeyringOperation', forwarded);
      },
    });
  }

  async save(request: SnapshotRequest): Promise<SavedArchive> {
    const there = this.#whoInstead(request);
    if (there === undefined) return await this.#d.server.save();
    return await askForArchive(() => this.#dial(there), request);
  }

  async restore(request: SnapshotRequest, archive: AsyncIterable<Uint8Array>): Promise<void> {
    const there = this.#whoInstead(request);
    if (there === undefined) await this.#d.server.restore(archive);
    else await giveArchive(await this.#dial(there), request, archive);
  }

  /** The server that has to do it; undefined when that is this one. */
  #whoInstead({ Datacenter, AllowStale }: SnapshotRequest): RpcPeer | undefined {
    const { links, server } = this.#d;
    if (!this.#isOurs(Datacenter)) return links.datacenterPeer(Datacenter);
    if (AllowStale || server.server.leads()) return undefined;
    const leader = links.leaderPeer();
    if (leader === undefined) throw noLeader();
    return leader;
  }

  #dial(peer: RpcPeer) {
    return this.#d.client.dial(peer, 'snapshot', { timeoutMs: this.#d.callTimeoutMs });
  }
}
