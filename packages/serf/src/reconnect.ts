import { type Endpoint, type Log, type Rng, shuffle } from '@proconsul/base';
import { hostPort } from '@proconsul/gossip';
import type { SerfMember } from './events.ts';
import { splitHostPort } from './host-port.ts';

/** Joins one address; true when it answered. Never rejects. */
export type TryJoin = (address: Endpoint) => Promise<boolean>;

/** Tries one of the failed members again, the more probably the more of them there are. Texts: recorded. */
export async function reconnect(members: readonly SerfMember[], rng: Rng, log: Log, join: TryJoin): Promise<void> {
  const failed = members.filter((member) => member.status === 'failed');
  if (failed.length === 0) return;
  const left = members.filter((member) => member.status === 'left').length;
  const alive = Math.max(1, members.length - failed.length - left);
  if (rng.float() > failed.length / alive) {
    log.debug('serf: forgoing reconnect for random throttling');
    return;
  }
  await attempt(failed[rng.int(failed.length)]!, log, join);
}

export async function attempt({ name, address, port }: SerfMember, log: Log, join: TryJoin): Promise<void> {
  log.info(`serf: attempting reconnect to ${name} ${hostPort(address, port)}`);
  await join({ host: address, port });
}

/**
 * Joins one of the members of an earlier life, in random order, until one answers. True when one did. Texts: recorded.
 */
export async function rejoin(
  previous: ReadonlyMap<string, string>,
  rng: Rng,
  log: Log,
  join: TryJoin,
  isStopped: () => boolean,
): Promise<boolean> {
  for (const [name, address] of shuffle(rng, [...previous])) {
    const endpoint = splitHostPort(address);
    if (endpoint === undefined) continue;
    if (isStopped()) return false;
    log.info(`serf: Attempting re-join to previously known node: ${name}: ${address}`);
    if (await join(endpoint)) {
      log.info(`serf: Re-joined to previously known node: ${name}: ${address}`);
      return true;
    }
  }
  log.warn('serf: Failed to re-join any previously known node');
  return false;
}
