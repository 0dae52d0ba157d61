import type { Endpoint, Labels, Millis } from '@proconsul/base';
import type { GossipNode } from './delegate.ts';
import type { EncryptionVersion } from './wire/encryption.ts';

/** Timing of a pool. Source: gossip wire, section 3, defaults. */
export interface GossipProfile {
  /** For a stream: to connect, and for the whole exchange. */
  readonly tcpTimeoutMs: Millis;
  /** Members that are asked to probe for us. */
  readonly indirectChecks: number;
  readonly retransmitMult: number;
  readonly suspicionMult: number;
  readonly suspicionMaxTimeoutMult: number;
  /** 0: no regular full exchanges. */
  readonly pushPullIntervalMs: Millis;
  readonly probeIntervalMs: Millis;
  /** Wait for an ack before others are asked. Less than the interval. */
  readonly probeTimeoutMs: Millis;
  /** The health score stays below it. 1 switches local health awareness off. */
  readonly awarenessMaxMultiplier: number;
  readonly gossipNodes: number;
  readonly gossipIntervalMs: Millis;
  /** A failed member still gets gossip for that long, to hear of its own death; then it is forgotten. */
  readonly gossipToTheDeadMs: Millis;
  /** What a packet may hold, all headers included. */
  readonly packetBytes: number;
}

export const LAN: GossipProfile = {
  tcpTimeoutMs: 10_000,
  indirectChecks: 3,
  retransmitMult: 4,
  suspicionMult: 4,
  suspicionMaxTimeoutMult: 6,
  pushPullIntervalMs: 30_000,
  probeIntervalMs: 1_000,
  probeTimeoutMs: 500,
  awarenessMaxMultiplier: 8,
  gossipNodes: 3,
  gossipIntervalMs: 200,
  gossipToTheDeadMs: 30_000,
  packetBytes: 1_400,
};

export const WAN: GossipProfile = {
  ...LAN,
  tcpTimeoutMs: 30_000,
  suspicionMult: 6,
  pushPullIntervalMs: 60_000,
  probeIntervalMs: 5_000,
  probeTimeoutMs: 3_000,
  gossipNodes: 4,
  gossipIntervalMs: 500,
  gossipToTheDeadMs: 60_000,
};

export const LOCAL: GossipProfile = {
  ...LAN,
  tcpTimeoutMs: 1_000,
  indirectChecks: 1,
  retransmitMult: 2,
  suspicionMult: 3,
  pushPullIntervalMs: 15_000,
  probeTimeoutMs: 200,
  gossipIntervalMs: 100,
  gossipToTheDeadMs: 15_000,
};

/** What a Consul agent announces. Source: gossip wire, section 2. */
export const CONSUL_VERSIONS: GossipNode['versions'] = [1, 5, 2, 2, 5, 4];

export interface MemberlistOptions extends GossipProfile {
  /** Unique in the pool. */
  readonly name: string;
  /** Where to listen, with packets and streams. Port 0: one that is free for both. */
  readonly bind: Endpoint;
  /** What the others are told; missing or port 0: as bound. Needed when `bind` is the unspecified address. */
  readonly advertise?: Endpoint;
  /** Tells pools apart that share a network. */
  readonly label: string;
  readonly versions: GossipNode['versions'];
  /** With a keyring: whether plaintext is refused, and whether we encrypt. Both off is for changing over only. */
  readonly verifyIncoming: boolean;
  readonly verifyOutgoing: boolean;
  readonly encryptionVersion: EncryptionVersion;
  readonly compress: boolean;
  /** A failed member's name may be taken over from another address after that long. 0: only a left member's. */
  readonly deadNodeReclaimMs: Millis;
  /** Probe over a stream when packets do not get through. */
  readonly tcpProbes: boolean;
  /** Let a few members probe a suspect out of turn, so that it is cleared, or confirmed, sooner. Memberlist does not. */
  readonly verifySuspects: boolean;
  /** Addresses that members may have, as `10.0.0.0/8`. Missing: all. */
  readonly cidrsAllowed?: readonly string[];
  /** Put on every metric, such as `{ network: 'lan' }`. */
  readonly metricLabels: Labels;
}

/** Consul's settings for a pool in one data centre. The name and the address to bind are still to be given. */
export const MEMBERLIST_DEFAULTS: Omit<MemberlistOptions, 'name' | 'bind'> = {
  ...LAN,
  label: '',
  versions: CONSUL_VERSIONS,
  verifyIncoming: true,
  verifyOutgoing: true,
  encryptionVersion: 1,
  compress: true,
  deadNodeReclaimMs: 30_000,
  tcpProbes: true,
  verifySuspects: true,
  metricLabels: {},
};
