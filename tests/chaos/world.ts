import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Place } from '../cluster/cluster.ts';
import type { Ports } from '../e2e/harness.ts';
import type { Disks } from './disks.ts';
import type { Links } from './links.ts';

/** What a fault needs of the machine that the run has. */
export type Need = 'links' | 'disks' | 'netem' | 'prlimit';

/** The surroundings of one cluster: an address for each agent, and what can be done to its network and its disk. */
export interface World {
  readonly links: Links | undefined;
  readonly disks: Disks | undefined;
  place(node: string): Promise<Place>;
  close(): Promise<void>;
}

const BASE_PORT = 41_000;

/** The same on every agent: each has an address of its own. */
export const PORTS: Ports = {
  http: BASE_PORT,
  dns: BASE_PORT + 1,
  server: BASE_PORT + 2,
  serf_lan: BASE_PORT + 3,
  serf_wan: BASE_PORT + 4,
};

/** Addresses 127.0.64.1 to 127.0.191.254: one network of them for each process, so that two runs do not meet. */
const LOOPBACK_NETWORKS = 128;

/** Agents on loopback: what any user may start. Nothing can be done to the network or the disks. */
export class LoopbackWorld implements World {
  readonly links = undefined;
  readonly disks = undefined;
  readonly #prefix = `127.0.${64 + (process.pid % LOOPBACK_NETWORKS)}`;
  #given = 0;

  async place(): Promise<Place> {
    return { host: `${this.#prefix}.${++this.#given}`, ports: PORTS };
  }

  async close(): Promise<void> {}
}

/** Agents in network namespaces of their own; with `disks`, servers have file systems of their own. */
export class NamespaceWorld implements World {
  readonly links: Links;
  readonly disks: Disks | undefined;
  readonly #dir: string;

  constructor(dir: string, links: Links, disks: Disks | undefined) {
    this.#dir = dir;
    this.links = links;
    this.disks = disks;
  }

  async place(node: string): Promise<Place> {
    const { host, within } = await this.links.add(node);
    const place = { host, within, ports: PORTS };
    if (this.disks === undefined || !node.startsWith('s')) return place;
    const dataDir = join(this.#dir, node);
    mkdirSync(dataDir, { recursive: true });
    await this.disks.make(dataDir);
    return { ...place, dataDir };
  }

  async close(): Promise<void> {
    await this.disks?.close();
    await this.links.close();
  }
}
