import type { PoolMember } from './member.ts';
import { parseServerTags, type ServerInfo } from './server-tags.ts';

/** Servers that the directory holds; members beyond it are not looked at. */
export const DIRECTORY_SERVERS_MAX = 1024;

/** The servers of one datacenter, found by id, name or RPC address. */
export class ServerDirectory {
  readonly #datacenter: string;
  readonly #byName = new Map<string, ServerInfo>();
  readonly #byId = new Map<string, ServerInfo>();
  readonly #byAddress = new Map<string, ServerInfo>();

  constructor(datacenter: string) {
    this.#datacenter = datacenter;
  }

  /** Takes note of a member that came or changed. Failed servers stay: they may come back. Those that left are gone. */
  update(member: PoolMember): void {
    const server = parseServerTags(member);
    const isGone = member.status === 'left' || member.status === 'none';
    if (server === undefined || server.datacenter !== this.#datacenter || isGone) {
      this.remove(member.name);
      return;
    }
    this.remove(server.name);
    if (this.#byName.size >= DIRECTORY_SERVERS_MAX) return;
    this.#byName.set(server.name, server);
    if (server.id !== '') this.#byId.set(server.id, server);
    this.#byAddress.set(server.address, server);
  }

  /** Forgets a member that left or was reaped. */
  remove(name: string): void {
    const known = this.#byName.get(name);
    if (known === undefined) return;
    this.#byName.delete(name);
    // Another server may have taken over the id or the address meanwhile.
    if (this.#byId.get(known.id) === known) this.#byId.delete(known.id);
    if (this.#byAddress.get(known.address) === known) this.#byAddress.delete(known.address);
  }

  /** Makes the directory equal to a whole pool. */
  replace(members: readonly PoolMember[]): void {
    this.#byName.clear();
    this.#byId.clear();
    this.#byAddress.clear();
    for (const member of members) this.update(member);
  }

  byId(id: string): ServerInfo | undefined {
    return this.#byId.get(id);
  }

  byName(name: string): ServerInfo | undefined {
    return this.#byName.get(name);
  }

  byAddress(address: string): ServerInfo | undefined {
    return this.#byAddress.get(address);
  }

  /** Everybody, the failed ones too, in the order in which they were last seen to change. */
  all(): readonly ServerInfo[] {
    return [...this.#byName.values()];
  }

  alive(): readonly ServerInfo[] {
    return this.all().filter((server) => server.status === 'alive');
  }

  get size(): number {
    return this.#byName.size;
  }

  /**
   * Where Raft dials a server: what gossip knows goes before what the configuration says, so that a server with a new
   * address is found. Source: raft wire, timing.
   */
  addressOf(id: string, configured: string): string {
    return this.#byId.get(id)?.address ?? configured;
  }
}
