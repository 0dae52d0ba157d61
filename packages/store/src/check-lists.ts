import type { CheckServiceNode, HealthCheck } from '@proconsul/schema';
import { hasMeta } from './catalog-reads.ts';
import type { Instance, NodeEntry } from './catalog-table.ts';
import { dep, type ReadResult } from './dep.ts';
import type { State } from './state.ts';

/** Checks of a node that name a service id (empty: of the node itself), by check id. */
export function atNode(node: NodeEntry, serviceId: string): readonly HealthCheck[] {
  const checks = node.checksByService.get(serviceId);
  if (checks === undefined) return [];
  return checks.sorted();
}

/** The instance with its node and checks, the node's first; the same object until a part changes. */
export function healthOf(instance: Instance): CheckServiceNode {
  if (instance.health === null) {
    const { node, row } = instance;
    instance.health = { Node: node.row, Service: row, Checks: [...atNode(node, ''), ...atNode(node, row.ID)] };
  }
  return instance.health;
}

export function isPassing(instance: Instance): boolean {
  for (const check of healthOf(instance).Checks ?? []) if (check.Status !== 'passing') return false;
  return true;
}

export function isCritical(instance: Instance): boolean {
  for (const check of healthOf(instance).Checks ?? []) if (check.Status === 'critical') return true;
  return false;
}

/** All checks of a node by check id. */
export function nodeChecks(state: State, node: string): ReadResult<readonly HealthCheck[]> {
  const key = node.toLowerCase();
  const entry = state.catalog.node(node);
  const value = entry === undefined ? [] : entry.checks.sorted();
  return { index: Math.max(1, state.indexes.get('checks')), value, deps: [dep('node-checks', key)] };
}

/** Checks in a state (`any`: all), by node name, then check id. */
export function checksInState(
  state: State,
  wanted: string,
  meta: Readonly<Record<string, string>> | null,
): ReadResult<readonly HealthCheck[]> {
  const value: HealthCheck[] = [];
  for (const entry of state.catalog.nodes.all()) {
    if (!hasMeta(entry, meta)) continue;
    for (const check of entry.checks.sorted()) if (wanted === 'any' || check.Status === wanted) value.push(check);
  }
  const deps = [dep('check-state', wanted)];
  if (meta !== null && Object.keys(meta).length > 0) deps.push(dep('table', 'nodes'));
  return { index: Math.max(1, state.indexes.get('checks')), value, deps };
}
