import { existsSync } from 'node:fs';
import type { CheckType, RawResult } from '@proconsul/checks';
import { critical, passing, type RunContext } from './runner.ts';
import { commandProblem, runCommand } from './script.ts';

/** What the reference agent answers (HTTP 500) to an OSService check on a system that it cannot ask. */
export const OS_SERVICE_UNSUPPORTED = 'not implemented';

/** True when this machine was booted with systemd. Source: sd_booted(3). */
export function osServiceSupported(): boolean {
  return process.platform === 'linux' && existsSync('/run/systemd/system') && commandProblem('systemctl') === undefined;
}

/** Asks systemd for the state of a unit: active is passing, a change under way is warning, the rest is critical. */
export async function runOsService(check: CheckType, context: RunContext): Promise<RawResult> {
  if (!osServiceSupported()) return critical(OS_SERVICE_UNSUPPORTED);
  const { output } = await runCommand('systemctl', ['is-active', '--', check.OSService], context);
  return osServiceResult(check.OSService, output);
}

/** Reads what `systemctl is-active` printed. Source: systemctl(1), systemd(1) for the states. */
export function osServiceResult(service: string, printed: string): RawResult {
  const state = printed.trim();
  switch (state) {
    case 'active':
      return passing(`Service "${service}" is active`);
    case 'activating':
    case 'reloading':
    case 'refreshing':
    case 'deactivating':
      return { status: 'warning', output: `Service "${service}" is ${state}` };
    case 'inactive':
    case 'failed':
    case 'maintenance':
    case 'unknown':
      return critical(`Service "${service}" is ${state}`);
    default:
      return critical(`Service "${service}" could not be queried: ${state}`);
  }
}
