import type { Http } from './http.ts';
import type { Uint64 } from './json.ts';
import { type Answer, escapeSegment, type ReadOptions, type RequestOptions } from './query.ts';
import { collect } from './transport.ts';
import type {
  AutopilotConfiguration,
  AutopilotState,
  ConfigEntry,
  CoordinateDatacenter,
  CoordinateEntry,
  DatacenterUsage,
  KeyringResponse,
  RaftConfiguration,
} from './types.ts';

export interface KeyringOptions extends RequestOptions {
  /** How many other members relay each answer, 0 to 5. */
  readonly relayFactor?: number | undefined;
}

/** Tools for those who run the cluster. Source: HTTP API documentation, operator. */
export class Operator {
  readonly #http: Http;
  constructor(http: Http) {
    this.#http = http;
  }

  async raftConfiguration(options: ReadOptions = {}): Promise<RaftConfiguration> {
    return (await this.#http.read<RaftConfiguration>('/v1/operator/raft/configuration', options)).value;
  }

  removePeer(peer: { id: string } | { address: string }, options: RequestOptions = {}): Promise<void> {
    return this.#http.write('DELETE', '/v1/operator/raft/peer', undefined, options, { ...peer });
  }

  transferLeader(id: string | undefined, options: RequestOptions = {}): Promise<{ Success: boolean }> {
    return this.#http.write('POST', '/v1/operator/raft/transfer-leader', undefined, options, { id });
  }

  async autopilotConfiguration(options: ReadOptions = {}): Promise<AutopilotConfiguration> {
    return (await this.#http.read<AutopilotConfiguration>('/v1/operator/autopilot/configuration', options)).value;
  }

  /** Replaces the configuration; with `cas`, only if its ModifyIndex is this one. */
  setAutopilotConfiguration(
    configuration: Partial<AutopilotConfiguration>,
    options: RequestOptions & { readonly cas?: Uint64 | undefined } = {},
  ): Promise<boolean> {
    return this.#http.write('PUT', '/v1/operator/autopilot/configuration', configuration, options, {
      cas: options.cas,
    });
  }

  async autopilotState(options: ReadOptions = {}): Promise<AutopilotState> {
    return (await this.#http.read<AutopilotState>('/v1/operator/autopilot/state', options)).value;
  }

  async usage(
    options: ReadOptions & { readonly global?: boolean | undefined } = {},
  ): Promise<Record<string, DatacenterUsage>> {
    const answer = await this.#http.read<{ Usage: Record<string, DatacenterUsage> }>('/v1/operator/usage', options, {
      global: options.global,
    });
    return answer.value.Usage;
  }

  async keyring(
    options: KeyringOptions & { readonly localOnly?: boolean | undefined } = {},
  ): Promise<KeyringResponse[]> {
    const params = {
      'relay-factor': options.relayFactor || undefined,
      'local-only': options.localOnly ? 'true' : undefined,
    };
    return (await this.#http.read<KeyringResponse[]>('/v1/operator/keyring', options, params)).value;
  }

  /** Installs a gossip key, makes it the primary one, or removes it. */
  changeKeyring(action: 'install' | 'use' | 'remove', key: string, options: KeyringOptions = {}): Promise<void> {
    const method = ({ install: 'POST', use: 'PUT', remove: 'DELETE' } as const)[action];
    const params = { 'relay-factor': options.relayFactor || undefined };
    return this.#http.write(method, '/v1/operator/keyring', { Key: key }, options, params);
  }
}

/** Network coordinates. Source: HTTP API documentation, coordinate. */
export class Coordinates {
  readonly #http: Http;
  constructor(http: Http) {
    this.#http = http;
  }

  async datacenters(options: ReadOptions = {}): Promise<CoordinateDatacenter[]> {
    return (await this.#http.read<CoordinateDatacenter[]>('/v1/coordinate/datacenters', options)).value;
  }

  nodes(options: ReadOptions = {}): Promise<Answer<CoordinateEntry[]>> {
    return this.#http.read('/v1/coordinate/nodes', options);
  }

  node(name: string, options: ReadOptions = {}): Promise<Answer<CoordinateEntry[]>> {
    return this.#http.read(`/v1/coordinate/node/${escapeSegment(name)}`, options, {}, { value: [] });
  }

  update(entry: CoordinateEntry, options: RequestOptions = {}): Promise<void> {
    return this.#http.write('PUT', '/v1/coordinate/update', entry, options);
  }
}

/** Raft as the agent sees it. Source: HTTP API documentation, status. */
export class Status {
  readonly #http: Http;
  constructor(http: Http) {
    this.#http = http;
  }

  /** `ip:port` of the leader, or the empty string. */
  async leader(options: ReadOptions = {}): Promise<string> {
    return (await this.#http.read<string>('/v1/status/leader', options)).value;
  }

  async peers(options: ReadOptions = {}): Promise<string[]> {
    return (await this.#http.read<string[]>('/v1/status/peers', options)).value;
  }
}

/** Whole-state archives. Source: HTTP API documentation, snapshot. */
export class Snapshots {
  readonly #http: Http;
  constructor(http: Http) {
    this.#http = http;
  }

  /** The archive as it arrives: a gzip tar of meta.json, state.bin and SHA256SUMS. */
  async save(options: ReadOptions = {}): Promise<AsyncIterable<Uint8Array>> {
    const { token, signal } = options;
    const params = this.#http.paramsOf(options);
    return (await this.#http.send({ method: 'GET', path: '/v1/snapshot', params, token, signal })).body;
  }

  /** Replaces the whole state of the datacenter by the archive. */
  async restore(archive: Uint8Array | AsyncIterable<Uint8Array>, options: RequestOptions = {}): Promise<void> {
    const { token, signal } = options;
    // Only the leader restores, whatever the client prefers for reads.
    const { stale: _, ...params } = this.#http.paramsOf(options);
    const response = await this.#http.send({
      method: 'PUT',
      path: '/v1/snapshot',
      params,
      token,
      signal,
      body: archive,
    });
    await collect(response.body);
  }
}

/** Central configuration, plain storage of entries. Source: HTTP API documentation, config. */
export class ConfigEntries {
  readonly #http: Http;
  constructor(http: Http) {
    this.#http = http;
  }

  read(kind: string, name: string, options: ReadOptions = {}): Promise<Answer<ConfigEntry>> {
    return this.#http.read(`/v1/config/${escapeSegment(kind)}/${escapeSegment(name)}`, options);
  }

  list(kind: string, options: ReadOptions = {}): Promise<Answer<ConfigEntry[]>> {
    return this.#http.read(`/v1/config/${escapeSegment(kind)}`, options);
  }

  /** False when `cas` is given and is not the entry's ModifyIndex. */
  write(entry: object, options: RequestOptions & { readonly cas?: Uint64 | undefined } = {}): Promise<boolean> {
    return this.#http.write('PUT', '/v1/config', entry, options, { cas: options.cas });
  }

  delete(
    kind: string,
    name: string,
    options: RequestOptions & { readonly cas?: Uint64 | undefined } = {},
  ): Promise<unknown> {
    const path = `/v1/config/${escapeSegment(kind)}/${escapeSegment(name)}`;
    return this.#http.write('DELETE', path, undefined, options, { cas: options.cas });
  }
}
