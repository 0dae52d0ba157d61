import type { Disk, Log } from '@proconsul/base';
import type { GossipTiming, IpPort, RuntimeConfig } from '@proconsul/config';
import { KeyList, LAN, MEMBERLIST_DEFAULTS, Memberlist, type MemberlistOptions, WAN } from '@proconsul/gossip';
import { nodeAesGcm } from '@proconsul/io-node';
import { CONSUL_SERF_DEFAULTS, Serf, type SerfEvent, type SerfMember } from '@proconsul/serf';
import type { AgentContext } from '../context.ts';
import {
  decodeKey,
  LAN_KEYRING_FILE,
  readKeyring,
  WAN_KEYRING_FILE,
  writeFirstKeyring,
  writeKeyring,
} from './keyring-file.ts';

export type PoolKind = 'lan' | 'wan';

/** What one pool is to do with what it hears. */
export interface PoolHandlers {
  readonly tags: Readonly<Record<string, string>>;
  onEvent(event: SerfEvent): void;
  /** Why members may not come in; undefined when they may. */
  refuse(members: readonly SerfMember[]): string | undefined;
  /** Another agent has our name, and the pool knows it rather than us. */
  onQuit(): void;
}

const SNAPSHOT_FILES = { lan: 'serf/local.snapshot', wan: 'serf/remote.snapshot' } as const;
const KEYRING_FILES = { lan: LAN_KEYRING_FILE, wan: WAN_KEYRING_FILE } as const;

/** Everything about a pool that depends on which of the two it is. */
interface PoolSettings {
  readonly name: string;
  readonly profile: typeof LAN;
  readonly timing: GossipTiming;
  readonly bind: IpPort;
  readonly advertise: IpPort;
  readonly cidrs: readonly string[];
  readonly reconnectTimeoutMs: number;
}

/** Undefined: this agent has no such pool. */
function settingsOf(kind: PoolKind, c: RuntimeConfig): PoolSettings | undefined {
  if (kind === 'lan') {
    return {
      name: c.nodeName,
      profile: LAN,
      timing: c.gossipLan,
      bind: c.serfBindAddrLan,
      advertise: c.serfAdvertiseAddrLan,
      cidrs: c.serfAllowedCidrsLan,
      reconnectTimeoutMs: c.reconnectTimeoutLanMs,
    };
  }
  if (!c.server || c.serfBindAddrWan === undefined || c.serfAdvertiseAddrWan === undefined) return undefined;
  return {
    name: `${c.nodeName}.${c.datacenter}`,
    profile: WAN,
    timing: c.gossipWan,
    bind: c.serfBindAddrWan,
    advertise: c.serfAdvertiseAddrWan,
    cidrs: c.serfAllowedCidrsWan,
    reconnectTimeoutMs: c.reconnectTimeoutWanMs,
  };
}

/** Whether the configuration asks for the pool. */
export const hasPool = (kind: PoolKind, config: RuntimeConfig): boolean => settingsOf(kind, config) !== undefined;

/**
 * Makes a pool, its keys read or written as the configuration says; not started yet. Rejects with Consul's text for a
 * key or a keyring file that is none.
 */
export async function makePool(kind: PoolKind, context: AgentContext, handlers: PoolHandlers): Promise<Serf> {
  const { clock, rng, network, metrics } = context;
  const config = context.config();
  const settings = settingsOf(kind, config) as PoolSettings;
  const log = context.log.named(config.server ? 'server' : 'client');
  const gossipLog = log.named('memberlist').named(kind);
  const keys = await keyring(kind, context);
  const disk = config.devMode ? null : context.disk;
  await disk?.mkdir('serf', 0o755);
  const options = memberlistOptions(kind, settings, config);
  return new Serf(
    {
      ...CONSUL_SERF_DEFAULTS,
      name: settings.name,
      tags: handlers.tags,
      gossipIntervalMs: options.gossipIntervalMs,
      retransmitMult: options.retransmitMult,
      resolveConflicts: !config.server,
      coordinates: !config.disableCoordinates,
      snapshotPath: disk === null ? '' : SNAPSHOT_FILES[kind],
      rejoinAfterLeave: config.rejoinAfterLeave,
      metricLabels: { network: kind },
      ...(settings.reconnectTimeoutMs > 0 ? { reconnectTimeoutMs: settings.reconnectTimeoutMs } : {}),
    },
    {
      clock,
      rng,
      metrics,
      log: log.named('serf').named(kind),
      ...(disk === null ? {} : { disk }),
      ...(keys === undefined ? {} : { keyring: keys }),
      pool: (delegate) =>
        new Memberlist(options, {
          ...{ clock, rng, metrics, network, log: gossipLog, delegate, aesGcm: nodeAesGcm },
          ...(keys === undefined ? {} : { keyring: keys }),
        }),
      onEvent: handlers.onEvent,
      refuse: handlers.refuse,
      onQuit: handlers.onQuit,
      onKeyringChanged: (changed) => keptKeys(kind, context, changed),
    },
  );
}

function memberlistOptions(kind: PoolKind, s: PoolSettings, config: RuntimeConfig): MemberlistOptions {
  const { bind, advertise, cidrs, timing } = s;
  return {
    ...MEMBERLIST_DEFAULTS,
    ...s.profile,
    ...timing,
    name: s.name,
    bind: { host: bind.ip, port: bind.port },
    advertise: { host: advertise.ip, port: advertise.port },
    verifyIncoming: config.encryptVerifyIncoming,
    verifyOutgoing: config.encryptVerifyOutgoing,
    metricLabels: { network: kind },
    ...(cidrs.length === 0 ? {} : { cidrsAllowed: cidrs }),
  };
}

/** Where the keys of a pool are kept; null when they live in memory only. */
const keyringDisk = (context: AgentContext): Disk | null => {
  const { disableKeyringFile, devMode } = context.config();
  return disableKeyringFile || devMode ? null : context.disk;
};

/** The keys of a pool: those of the file, else the configured one; undefined when gossip is not encrypted. */
async function keyring(kind: PoolKind, context: AgentContext): Promise<KeyList | undefined> {
  const { encryptKey } = context.config();
  const disk = keyringDisk(context);
  const kept = disk === null ? undefined : await readKeyring(disk, KEYRING_FILES[kind]);
  if (kept !== undefined) {
    if (encryptKey !== '' && !kept.includes(encryptKey)) warnOtherKey(kind, context.log);
    return new KeyList(kept.map(decodeKey));
  }
  if (encryptKey === '') return undefined;
  try {
    decodeKey(encryptKey);
  } catch (error) {
    throw new Error(`Failed to configure keyring: Invalid key: ${(error as Error).message}`);
  }
  if (disk !== null) await writeFirstKeyring(disk, KEYRING_FILES[kind], encryptKey);
  return new KeyList([decodeKey(encryptKey)]);
}

/** The second blank is the reference agent's. Source: recorded log. */
function warnOtherKey(kind: PoolKind, log: Log): void {
  log.warn(" keyring doesn't include key provided with -encrypt, using keyring", { keyring: kind.toUpperCase() });
}

async function keptKeys(kind: PoolKind, context: AgentContext, keys: readonly string[]): Promise<void> {
  const disk = keyringDisk(context);
  if (disk !== null) await writeKeyring(disk, KEYRING_FILES[kind], keys);
}
