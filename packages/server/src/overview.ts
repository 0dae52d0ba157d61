import type { HealthCheck, NodeInfo } from '@proconsul/schema';

interface Counts {
  readonly Name: string;
  Total: number;
  Passing: number;
  Warning: number;
  Critical: number;
}

export interface Overview {
  readonly Nodes: readonly Counts[];
  readonly Services: readonly Counts[];
  readonly Checks: readonly Counts[];
}

type State = 'Passing' | 'Warning' | 'Critical';

const STATES: Readonly<Record<string, State>> = { passing: 'Passing', warning: 'Warning', critical: 'Critical' };
const RANK: Readonly<Record<State, number>> = { Passing: 0, Warning: 1, Critical: 2 };

function worst(checks: readonly HealthCheck[]): State {
  let state: State = 'Passing';
  for (const c of checks) {
    const s = STATES[c.Status] ?? 'Critical';
    if (RANK[s] > RANK[state]) state = s;
  }
  return state;
}

class Tally {
  readonly #rows = new Map<string, Counts>();
  add(name: string, state: State): void {
    let row = this.#rows.get(name);
    if (row === undefined) {
      row = { Name: name, Total: 0, Passing: 0, Warning: 0, Critical: 0 };
      this.#rows.set(name, row);
    }
    row.Total++;
    row[state]++;
  }
  rows(): Counts[] {
    return [...this.#rows.values()].sort((a, b) => (a.Name < b.Name ? -1 : 1));
  }
}

/** Counts by state over nodes, service instances by name, and checks by name. */
export function overviewOf(nodes: readonly NodeInfo[]): Overview {
  const byNode = new Tally();
  const byService = new Tally();
  const byCheck = new Tally();
  for (const node of nodes) {
    const checks = node.Checks ?? [];
    const own = checks.filter((c) => c.ServiceID === '');
    byNode.add('', worst(own));
    for (const service of node.Services ?? []) {
      byService.add(service.Service, worst([...own, ...checks.filter((c) => c.ServiceID === service.ID)]));
    }
    for (const check of checks) byCheck.add(check.Name, STATES[check.Status] ?? 'Critical');
  }
  return { Nodes: byNode.rows(), Services: byService.rows(), Checks: byCheck.rows() };
}
