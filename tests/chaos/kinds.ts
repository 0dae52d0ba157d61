import { works } from './commands.ts';
import type { Kind } from './kind.ts';
import { DISK_KINDS } from './kinds-disks.ts';
import { MEMBER_KINDS } from './kinds-members.ts';
import { NETWORK_KINDS } from './kinds-network.ts';
import { PRESSURE_KINDS } from './kinds-pressure.ts';
import { PROCESS_KINDS } from './kinds-processes.ts';
import { hasNetem } from './links.ts';
import type { Need } from './world.ts';

export const KINDS: readonly Kind[] = [
  ...PROCESS_KINDS,
  ...NETWORK_KINDS,
  ...DISK_KINDS,
  ...MEMBER_KINDS,
  ...PRESSURE_KINDS,
];

/** What no run can do, with the reason. */
export const NOT_HERE: readonly { readonly name: string; readonly why: string }[] = [
  { name: 'wall-clock', why: 'a wall clock belongs to the whole machine: no process gets one of its own' },
];

const CHECKS: Readonly<
  Record<Exclude<Need, 'links' | 'disks'>, { readonly works: () => Promise<boolean>; readonly why: string }>
> = {
  netem: { works: hasNetem, why: 'this kernel has no netem' },
  prlimit: { works: () => works('prlimit', '--version'), why: 'prlimit is not installed' },
};

/** Why kinds with a need cannot run here; `loopback`: why there are no namespaces. */
export async function missing(loopback: string | undefined): Promise<ReadonlyMap<Need, string>> {
  const out = new Map<Need, string>();
  if (loopback !== undefined) for (const need of ['links', 'disks', 'netem'] as const) out.set(need, loopback);
  else if (!(await works('mkfs.ext4', '-V'))) out.set('disks', 'mkfs.ext4 is not installed');
  for (const [need, check] of Object.entries(CHECKS) as [keyof typeof CHECKS, (typeof CHECKS)[keyof typeof CHECKS]][]) {
    if (!out.has(need) && !(await check.works())) out.set(need, check.why);
  }
  return out;
}
