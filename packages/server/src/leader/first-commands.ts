import type { Clock } from '@proconsul/base';
import {
  type AutopilotConfig,
  AutopilotSetConfigRequest,
  CARequest,
  FederationState,
  FederationStateRequest,
  MessageType,
  SystemMetadataEntry,
  SystemMetadataRequest,
} from '@proconsul/schema';
import type { Command, Store } from '@proconsul/store';

export interface FirstOptions {
  readonly datacenter: string;
  /** What a cluster without settings of autopilot starts with. */
  readonly autopilot: AutopilotConfig;
  /** Whether the mesh has a certificate authority. */
  readonly connectEnabled: boolean;
}

export interface FirstDependencies {
  readonly clock: Clock;
  readonly store: Store;
  /** The commands by which a cluster gets its first certificate authority. */
  firstAuthority(): Promise<readonly CARequest[]>;
}

/** Facts that servers of the compatible release write when they lead, in their order. Source: recorded logs. */
const SYSTEM_METADATA: Readonly<Record<string, string>> = {
  'intention-format': 'config-entry',
  'virtual-ips': 'true',
  'virtual-ips-term-gateway': 'true',
};

/** Marks a moment as being in UTC. */
const UTC_OFFSET = -1;

/**
 * What the first leader of a cluster writes before anything else and later ones find, in the recorded order: settings of
 * autopilot, the certificate authority, system metadata. Source: raft wire, first commands of a new leader.
 */
export async function* firstCommands(options: FirstOptions, d: FirstDependencies): AsyncGenerator<Command> {
  const { datacenter: Datacenter } = options;
  const { store } = d;
  if (store.operator.autopilot().value === null) {
    const request = AutopilotSetConfigRequest.make({ Datacenter, Config: options.autopilot });
    yield { type: MessageType.Autopilot, request };
  }
  if (options.connectEnabled && !store.connect.roots().value.some((root) => root.Active)) {
    for (const request of await d.firstAuthority()) {
      yield { type: MessageType.ConnectCA, request: CARequest.encodeWire(request) };
    }
  }
  const known = new Set(store.operator.systemMetadata().value.map((entry) => entry.Key));
  for (const [Key, Value] of Object.entries(SYSTEM_METADATA)) {
    if (known.has(Key)) continue;
    const Entry = SystemMetadataEntry.make({ Key, Value });
    yield {
      type: MessageType.SystemMetadata,
      request: SystemMetadataRequest.make({ Datacenter, Op: 'upsert', Entry }),
    };
  }
}

/** What this datacenter tells the others, null when it is written. Without mesh gateways nothing of it changes. */
export function federationCommand(datacenter: string, { clock, store }: FirstDependencies): Command | null {
  if (store.federation.get(datacenter).value !== null) return null;
  const wallMs = clock.wallMs();
  const seconds = Math.floor(wallMs / 1000);
  const UpdatedAt = { seconds, nanos: Math.floor((wallMs - seconds * 1000) * 1e6), offsetMinutes: UTC_OFFSET };
  const State = FederationState.make({ Datacenter: datacenter, UpdatedAt });
  const request = FederationStateRequest.make({ Datacenter: datacenter, Op: 'upsert', State });
  return { type: MessageType.FederationState, request: FederationStateRequest.encodeWire(request) };
}
