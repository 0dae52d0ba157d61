import { errorText, type Log } from '@proconsul/base';
import type { RuntimeConfig } from '@proconsul/config';
import { checkFromFile, serviceFromFile } from '../definitions-from-files.ts';
import type { CheckBoard } from './check-board.ts';
import type { Persistence } from './persistence.ts';
import type { Registry } from './registry.ts';
import type { LocalState } from './state.ts';

/** Makes the definitions from files be those of `config`; what came by the API stays. Throws with Consul's texts. */
export function applyFileDefinitions(config: RuntimeConfig, registry: Registry, local: LocalState, log: Log): void {
  const services = config.services.map(serviceFromFile);
  const checks = config.checks.map(checkFromFile);
  const wanted = new Set(services.map((s) => s.ID || s.Name));
  for (const row of [...local.services.values()]) {
    if (row.origin === 'local' && row.sidecarOf === '' && !wanted.has(row.service.ID))
      registry.removeService(row.service.ID);
  }
  const wantedChecks = new Set(checks.map((c) => c.ID || c.Name));
  for (const row of [...local.checks.values()]) {
    const id = row.check.CheckID;
    if (row.origin === 'local' && row.check.ServiceID === '' && row.definition !== null && !wantedChecks.has(id))
      registry.removeCheck(id);
  }
  for (const service of services) {
    try {
      registry.addService(service, {
        token: service.Token,
        origin: 'local',
        replaceExistingChecks: true,
        persist: false,
      });
    } catch (error) {
      throw new Error(`Failed to register service ${JSON.stringify(service.Name)}: ${errorText(error)}`);
    }
  }
  for (const check of checks) {
    try {
      registry.addCheck(check, { token: check.Token, origin: 'local', persist: false });
    } catch (error) {
      throw new Error(`Failed to register check '${check.ID || check.Name}': ${errorText(error)}`);
    }
  }
  log.debug('loaded definitions', { services: services.length, checks: checks.length });
}

/** Brings back what the API registered before the restart. Definitions from files win over those of the same id. */
export async function restorePersisted(
  persistence: Persistence,
  local: LocalState,
  board: CheckBoard,
  wallMs: number,
  log: Log,
): Promise<void> {
  for (const { service, token, origin } of await persistence.services()) {
    if (local.services.has(service.ID) || origin === 'local') {
      persistence.removeService(service.ID);
      continue;
    }
    const sidecarOf = service.LocallyRegisteredAsSidecar ? service.ID.replace(/-sidecar-proxy$/, '') : '';
    local.putService(service, { token, origin, sidecarOf });
    log.debug('restored service definition from file', { service: service.ID });
  }
  for (const { check, definition, token, origin } of await persistence.checks()) {
    const gone = check.ServiceID !== '' && !local.services.has(check.ServiceID);
    if (gone || (local.checks.has(check.CheckID) && local.checks.get(check.CheckID)?.origin === 'local')) {
      persistence.removeCheck(check.CheckID);
      continue;
    }
    const Status = definition === null ? check.Status : 'critical';
    local.putCheck({ ...check, Status }, definition, { token, origin });
    const row = local.checks.get(check.CheckID);
    if (row === undefined) continue;
    const kept = definition !== null && definition.TTL > 0 ? await persistence.ttl(check.CheckID, wallMs) : undefined;
    if (kept !== undefined) local.setResult(check.CheckID, kept.Status, kept.Output);
    board.watch(row);
  }
}
