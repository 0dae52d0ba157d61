import { NodeState } from './delegate.ts';
import type { Member } from './members.ts';
import type { NodeStateRecord } from './wire/messages.ts';

interface Speaker {
  readonly name: string;
  readonly v: ArrayLike<number>;
}

/**
 * Whether all live members of both sides can talk to each other: each speaks a version, of the protocol and of the
 * delegate's, that all understand. A text when one does not. Source: gossip wire, section 2.4.
 */
export function checkVersions(theirs: readonly NodeStateRecord[], ours: readonly Member[]): string | undefined {
  const speakers: Speaker[] = [];
  for (const r of theirs) if (r.State === NodeState.alive) speakers.push({ name: r.Name, v: r.Vsn ?? [] });
  for (const { node } of ours) if (node.state === NodeState.alive) speakers.push({ name: node.name, v: node.versions });
  return mismatch(speakers, 0, 'protocol') ?? mismatch(speakers, 3, 'delegate protocol');
}

function mismatch(speakers: readonly Speaker[], offset: number, what: string): string | undefined {
  let min = 0;
  let max = 0xff;
  for (const { v } of speakers) {
    min = Math.max(min, v[offset] ?? 0);
    max = Math.min(max, v[offset + 1] ?? 0);
  }
  for (const { name, v } of speakers) {
    const current = v[offset + 2] ?? 0;
    if (current < min || current > max) {
      return `Node '${name}' ${what} version (${current}) is incompatible: [${min}, ${max}]`;
    }
  }
  return undefined;
}
