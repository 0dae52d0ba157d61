import { RaftError } from './errors.ts';

export type ServerId = string;

/** Voters elect and commit. A non-voter only receives the log; `staging` counts as a non-voter. */
export type Suffrage = 'voter' | 'nonvoter' | 'staging';

export interface Server {
  readonly id: ServerId;
  /** host:port that peers dial. */
  readonly address: string;
  readonly suffrage: Suffrage;
}

/** Who is in the cluster, in the order of joining. */
export interface Configuration {
  readonly servers: readonly Server[];
}

/** Bytes of a configuration on the log. See `msgpackConfiguration` for those of Consul. */
export interface ConfigurationCodec {
  encode(configuration: Configuration): Uint8Array;
  /** Throws ProtocolError when the bytes are not a configuration. */
  decode(bytes: Uint8Array): Configuration;
}

/** Most servers in one configuration: bounds what a peer can make us hold. */
export const CONFIGURATION_MAX_SERVERS = 1024;

export const EMPTY_CONFIGURATION: Configuration = { servers: [] };

export type MembershipChange =
  | { readonly kind: 'add-voter'; readonly id: ServerId; readonly address: string }
  | { readonly kind: 'add-nonvoter'; readonly id: ServerId; readonly address: string }
  | { readonly kind: 'demote'; readonly id: ServerId }
  | { readonly kind: 'remove'; readonly id: ServerId };

export function findServer(configuration: Configuration, id: ServerId): Server | undefined {
  return configuration.servers.find((server) => server.id === id);
}

export function isVoter(configuration: Configuration, id: ServerId): boolean {
  return findServer(configuration, id)?.suffrage === 'voter';
}

export function voters(configuration: Configuration): Server[] {
  return configuration.servers.filter((server) => server.suffrage === 'voter');
}

/** Voters that must agree: more than half. */
export const quorumOf = (voterCount: number): number => Math.floor(voterCount / 2) + 1;

/** The configuration after `change`. Throws RaftError INVALID_CONFIGURATION when the result could not elect anybody. */
export function applyChange(configuration: Configuration, change: MembershipChange): Configuration {
  const servers = [...configuration.servers];
  const at = servers.findIndex((server) => server.id === change.id);
  const existing = servers[at];
  switch (change.kind) {
    case 'add-voter':
      put(servers, at, { id: change.id, address: change.address, suffrage: 'voter' });
      break;
    case 'add-nonvoter': {
      // Source: Consul's library: adding a voter again as a non-voter only updates its address. Demotion is its own call.
      const suffrage = existing?.suffrage === 'voter' ? 'voter' : 'nonvoter';
      put(servers, at, { id: change.id, address: change.address, suffrage });
      break;
    }
    case 'demote':
      if (existing) servers[at] = { ...existing, suffrage: 'nonvoter' };
      break;
    case 'remove':
      if (existing) servers.splice(at, 1);
      break;
  }
  const next = { servers };
  checkConfiguration(next);
  return next;
}

function put(servers: Server[], at: number, server: Server): void {
  if (at >= 0) servers[at] = server;
  else servers.push(server);
}

/** Throws RaftError INVALID_CONFIGURATION: an empty or repeated id or address, or no voter. */
export function checkConfiguration(configuration: Configuration): void {
  const ids = new Set<string>();
  const addresses = new Set<string>();
  const fail = (why: string): never => {
    throw new RaftError('INVALID_CONFIGURATION', why);
  };
  if (configuration.servers.length > CONFIGURATION_MAX_SERVERS) fail('too many servers in configuration');
  for (const { id, address } of configuration.servers) {
    if (id === '') fail('empty ID in configuration');
    if (address === '') fail(`empty address in configuration for server ${id}`);
    if (ids.has(id)) fail(`found duplicate ID in configuration: ${id}`);
    if (addresses.has(address)) fail(`found duplicate address in configuration: ${address}`);
    ids.add(id);
    addresses.add(address);
  }
  if (voters(configuration).length === 0) fail('need at least one voter in configuration');
}

/** As `consul info` shows it: `[{Suffrage:Voter ID:... Address:...}]`. */
export function configurationText(configuration: Configuration): string {
  const word = { voter: 'Voter', nonvoter: 'Nonvoter', staging: 'Staging' } as const;
  const parts = configuration.servers.map((s) => `{Suffrage:${word[s.suffrage]} ID:${s.id} Address:${s.address}}`);
  return `[${parts.join(' ')}]`;
}
