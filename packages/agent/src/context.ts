import { type Clock, CONSUL_VERSION, type Disk, type Log, type Network, type Rng } from '@proconsul/base';
import type { RuntimeConfig } from '@proconsul/config';
import type { AgentTls } from './auto-encrypt/agent-tls.ts';
import type { NodeIdentity } from './local/anti-entropy.ts';
import type { MetricsSink } from './observe/index.ts';

/** What all parts of one running agent share. */
export interface AgentContext {
  readonly nodeId: string;
  /** Null in development mode: nothing is kept. */
  readonly disk: Disk | null;
  readonly log: Log;
  readonly clock: Clock;
  readonly rng: Rng;
  /** For gossip, calls, HTTP and DNS. */
  readonly network: Network;
  readonly metrics: MetricsSink;
  /** Where the certificate is kept that this agent has from the servers. */
  readonly agentTls?: AgentTls;
  /** The configuration of this moment: a reload replaces it. */
  config(): RuntimeConfig;
}

/** Metadata of the node as the catalog shows it. */
export function nodeMeta(config: RuntimeConfig): Readonly<Record<string, string>> {
  return { ...config.nodeMeta, 'consul-network-segment': '', 'consul-version': CONSUL_VERSION };
}

/** How this node stands in the catalog. */
export function nodeIdentity(context: AgentContext): NodeIdentity {
  const config = context.config();
  return {
    id: context.nodeId,
    name: config.nodeName,
    address: config.advertiseAddrLan,
    taggedAddresses: config.taggedAddresses,
    meta: nodeMeta(config),
  };
}
