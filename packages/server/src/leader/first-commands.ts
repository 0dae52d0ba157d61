import type { Clock } from '@proconsul/base';
import {
  type AutopilotConfig,
  AutopilotSetConfigRequest,
  CARequest,
  FederationState,
  FederationStateRequest,
  IntentionRequest,
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
  /** The commands by which a cluster gets its first certificate authority; each is answered with what came of it. */
  firstAuthority(): Promise<Iterator<CARequest, unknown, unknown>>;
}

/** Facts that servers of the compatible release write when they lead. Source: recorded logs. */
const VIRTUAL_IPS = 'virtual-ips';
const GATEWAY_VIRTUAL_IPS = 'virtual-ips-term-gateway';
/** Comes with the removal of the intentions of old versions. */
const INTENTION_FORMAT = 'intention-format';

/** Marks a moment as being in UTC. */
const UTC_OFFSET = -1;

/**
 * What the first leader of a cluster writes before anything else and later ones find, in the recorded order: settings of
 * autopilot, the certificate authority, system metadata. What came of a command is given to `next`.
 * Source: raft wire, first commands of a new leader; logs of the reference.
 */
export async function* firstCommands(
  options: FirstOptions,
  d: FirstDependencies,
): AsyncGenerator<Command, void, unknown> {
  const { datacenter: Datacenter } = options;
  const { store } = d;
  if (store.operator.autopilot().value === null) {
    const request = AutopilotSetConfigRequest.make({ Datacenter, Config: options.autopilot });
    yield { type: MessageType.Autopilot, request };
  }
  if (options.connectEnabled && !store.connect.roots().value.some((root) => root.Active)) {
    const authority = await d.firstAuthority();
    for (let step = authority.next(); step.done !== true; ) {
      const result = yield {
        type: MessageType.ConnectCA,
        request: CARequest.encodeWire(overPresent(store, step.value)),
      };
      step = authority.next(result);
    }
  }
  const known = new Set(store.operator.systemMetadata().value.map((entry) => entry.Key));
  if (!known.has(VIRTUAL_IPS)) yield fact(Datacenter, VIRTUAL_IPS);
  if (!known.has(INTENTION_FORMAT)) {
    const request = IntentionRequest.encodeWire(IntentionRequest.make({ Datacenter, Op: 'delete-all' }));
    yield { type: MessageType.Intention, request };
  }
  if (!known.has(GATEWAY_VIRTUAL_IPS)) yield fact(Datacenter, GATEWAY_VIRTUAL_IPS);
}

/** Roots come together with the configuration that they were made for, which others must find as it was. */
function overPresent(store: Store, request: CARequest): CARequest {
  if (request.Op !== 'set-roots-config' || request.Config === null) return request;
  const ModifyIndex = store.connect.configuration().value?.ModifyIndex ?? 0;
  return { ...request, Config: { ...request.Config, ModifyIndex } };
}

function fact(Datacenter: string, Key: string): Command {
  const Entry = SystemMetadataEntry.make({ Key, Value: 'true' });
  const request = SystemMetadataRequest.make({ Datacenter, Op: 'upsert', Entry });
  return { type: MessageType.SystemMetadata, request };
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
