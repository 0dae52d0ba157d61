import { readFile } from 'node:fs/promises';
import { type Log, silentLog } from '@proconsul/base';
import { type Arguments, parseArguments } from './arguments.ts';
import { DiscoverError } from './errors.ts';
import { httpSend } from './http.ts';
import { linkMulticast } from './multicast.ts';
import type { World } from './world.ts';

/** Finds addresses: `ip` or `ip:port`. Rejects with DiscoverError. */
export type Provider = (args: Arguments, world: World) => Promise<string[]>;

/** A provider's code is loaded when it is asked for. */
const PROVIDERS: Readonly<Record<string, () => Promise<Provider>>> = {
  aliyun: async () => (await import('./providers/aliyun.ts')).aliyun,
  aws: async () => (await import('./providers/aws.ts')).aws,
  azure: async () => (await import('./providers/azure.ts')).azure,
  digitalocean: async () => (await import('./providers/digitalocean.ts')).digitalocean,
  gce: async () => (await import('./providers/gce.ts')).gce,
  hcp: async () => (await import('./providers/hcp.ts')).hcp,
  k8s: async () => (await import('./providers/k8s.ts')).k8s,
  linode: async () => (await import('./providers/linode.ts')).linode,
  mdns: async () => (await import('./providers/mdns.ts')).mdns,
  os: async () => (await import('./providers/openstack.ts')).openstack,
  packet: async () => (await import('./providers/packet.ts')).packet,
  scaleway: async () => (await import('./providers/scaleway.ts')).scaleway,
  softlayer: async () => (await import('./providers/softlayer.ts')).softlayer,
  tencentcloud: async () => (await import('./providers/tencentcloud.ts')).tencentcloud,
  triton: async () => (await import('./providers/triton.ts')).triton,
  vsphere: async () => (await import('./providers/vsphere.ts')).vsphere,
};

/** What `provider=` may name, in the order in which agents list it. */
export const DISCOVERY_METHODS: readonly string[] = Object.keys(PROVIDERS);

export interface DiscoverOptions {
  readonly log?: Log;
  /** Parts of the machine to use instead of the real ones. */
  readonly world?: Partial<World>;
}

async function fileText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new DiscoverError(`discover: ${(error as Error).message}`);
  }
}

/**
 * Addresses of the servers that a text like `provider=aws tag_key=role tag_value=server` describes: `ip` or `ip:port`.
 * Rejects with DiscoverError. Source: documentation of cloud auto-join, and of each cloud's API (see the providers).
 */
export async function discover(text: string, options: DiscoverOptions = {}): Promise<string[]> {
  const args = parseArguments(text);
  const log = options.log ?? silentLog;
  if (args.provider === '') throw new DiscoverError('discover: no provider');
  const load = Object.hasOwn(PROVIDERS, args.provider) ? PROVIDERS[args.provider] : undefined;
  if (load === undefined) {
    throw new DiscoverError(`discover: unknown provider ${args.provider} (known: ${DISCOVERY_METHODS.join(' ')})`);
  }
  const world: World = {
    ...{ env: process.env, log, send: httpSend, readFile: fileText, nowMs: () => Date.now() },
    multicast: linkMulticast,
    ...options.world,
  };
  log.debug('Using provider', { provider: args.provider });
  const found = await (await load())(args, world);
  return [...new Set(found)];
}
