import type { Millis } from '@proconsul/base';
import { hostPort, type PoolMember } from './member.ts';
import type { ServerInfo } from './server-tags.ts';

/** How often servers look whom of their datacenter the WAN pool lacks; also after every change. Source: gossip wire. */
export const FLOOD_PERIOD_MS: Millis = 60_000;

export interface FloodTarget {
  /** In the WAN pool: `n1.dc1`. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** As joins take it: `n1.dc1/10.0.0.1:8302`. */
  readonly address: string;
}

/**
 * Servers of our datacenter that live in the LAN pool, tell where they join the WAN, and are not alive there. We join
 * them, so that one server that knows the WAN brings in all. Source: gossip wire, WAN pool.
 */
export function floodTargets(lan: readonly ServerInfo[], wan: readonly PoolMember[]): readonly FloodTarget[] {
  const present = new Set(wan.filter((member) => member.status === 'alive').map((member) => member.name));
  const targets: FloodTarget[] = [];
  for (const server of lan) {
    if (server.status !== 'alive' || server.wanJoinPort <= 0) continue;
    const name = `${server.shortName}.${server.datacenter}`;
    if (present.has(name)) continue;
    const address = `${name}/${hostPort(server.host, server.wanJoinPort)}`;
    targets.push({ name, host: server.host, port: server.wanJoinPort, address });
  }
  return targets;
}
