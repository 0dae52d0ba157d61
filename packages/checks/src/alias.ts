import type { RawResult } from './status.ts';

/** A check that an alias looks at. Statuses other than Consul's three words are treated as passing. */
export interface AliasedCheck {
  readonly Name: string;
  readonly Status: string;
  readonly Output: string;
  /** Empty for a check of the node itself. */
  readonly ServiceID: string;
}

export interface AliasTarget {
  /** `AliasNode` as it is in the definition: empty means this node. Shown in the output. */
  readonly node: string;
  /** `AliasService`; empty aliases the node alone. */
  readonly service: string;
  readonly nodeExists: boolean;
  readonly serviceExists: boolean;
  /** Every check of the node, in the order in which they are to be blamed. Others' services are skipped here. */
  readonly checks: Iterable<AliasedCheck>;
}

/**
 * The status of an alias: the worst of the target service's checks and of all checks of its node. An alias that stands
 * alone is itself a check of its node, and once critical keeps itself so; that is Consul's behaviour.
 * Source: black-box runs of the reference agent.
 */
export function evaluateAlias(target: AliasTarget): RawResult {
  if (!target.nodeExists) return { status: 'passing', output: 'No checks found.' };
  if (target.service !== '' && !target.serviceExists) return missing(target);
  let any = false;
  let warning: AliasedCheck | undefined;
  for (const check of target.checks) {
    if (check.ServiceID !== '' && check.ServiceID !== target.service) continue;
    any = true;
    if (check.Status === 'critical') return { status: 'critical', output: blame(check) };
    if (check.Status === 'warning') warning ??= check;
  }
  if (warning !== undefined) return { status: 'warning', output: blame(warning) };
  if (any) return { status: 'passing', output: 'All checks passing.' };
  // A node without a check of its own is taken for a service without a name. Source: the same.
  return target.service === '' ? missing(target) : { status: 'passing', output: 'No checks found.' };
}

const missing = ({ service, node }: AliasTarget): RawResult => ({
  status: 'critical',
  output: `Service ${service} could not be found on node ${node}`,
});

const blame = (check: AliasedCheck): string => `Aliased check "${check.Name}" failing: ${check.Output}`;
