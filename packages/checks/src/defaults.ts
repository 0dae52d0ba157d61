import type { Millis } from '@proconsul/base';
import { type CheckKind, type CheckType, checkKind } from './definition.ts';

/** Shorter intervals are raised to this. */
export const INTERVAL_MS_MIN: Millis = 1_000;
/** How long one run may take when the definition does not say. */
export const TIMEOUT_MS_DEFAULT: Millis = 10_000;
export const SCRIPT_TIMEOUT_MS_DEFAULT: Millis = 30_000;
/** Shorter values of DeregisterCriticalServiceAfter are raised to this. */
export const DEREGISTER_AFTER_MS_MIN: Millis = 60_000;

const NS_PER_MS = 1e6;

/** The time between the planned starts of two runs. */
export function intervalMs(check: CheckType): Millis {
  return Math.max(check.Interval / NS_PER_MS, INTERVAL_MS_MIN);
}

/** How long one run may take: 30 s for scripts and 10 s for the rest unless the definition sets it. */
export function timeoutMs(check: CheckType, kind: CheckKind = checkKind(check)): Millis {
  if (check.Timeout > 0) return check.Timeout / NS_PER_MS;
  return kind === 'script' ? SCRIPT_TIMEOUT_MS_DEFAULT : TIMEOUT_MS_DEFAULT;
}

/** How long a check may be critical before its service is removed; undefined when it never is. */
export function deregisterAfterMs(check: CheckType): Millis | undefined {
  if (check.DeregisterCriticalServiceAfter <= 0) return undefined;
  return Math.max(check.DeregisterCriticalServiceAfter / NS_PER_MS, DEREGISTER_AFTER_MS_MIN);
}

/** The ID of a check that stands alone: its own, else its name. */
export function nodeCheckId(check: CheckType): string {
  return check.CheckID !== '' ? check.CheckID : check.Name;
}

/**
 * IDs of the checks of one service, in order: their own, else `service:<id>`, with `:<n>` counted from 1 when there are
 * several. A check with an ID of its own uses up its number.
 */
export function serviceCheckIds(serviceId: string, checks: readonly CheckType[]): string[] {
  return checks.map((check, index) => {
    if (check.CheckID !== '') return check.CheckID;
    return checks.length === 1 ? `service:${serviceId}` : `service:${serviceId}:${index + 1}`;
  });
}

/** The name of a service's check: its own, else one made of the service's name. */
export function serviceCheckName(serviceName: string, check: CheckType): string {
  return check.Name !== '' ? check.Name : `Service '${serviceName}' check`;
}
