import { type CheckType, hasInterval, isAlias } from './definition.ts';

/**
 * What is wrong with a definition, in Consul's words, or undefined when it is valid. Callers prefix
 * `Invalid check: ` (HTTP) or `check "<id>": ` (configuration).
 * Source: the reference agent's answers (testdata/validation.json).
 */
export function validateCheck(check: CheckType): string | undefined {
  const interval = hasInterval(check);
  const alias = isAlias(check);
  if (check.Interval > 0 && check.TTL > 0) return 'Interval and TTL cannot both be specified';
  if (interval && check.Interval <= 0) {
    return 'Interval must be > 0 for Script, HTTP, H2PING, TCP, UDP or OSService checks';
  }
  if (interval && alias) return 'Interval cannot be set for Alias checks';
  if (!interval && !alias && check.TTL <= 0) return 'TTL must be > 0 for TTL checks';
  if (alias && check.TTL > 0) return 'TTL must be not be set for Alias checks';
  if (check.OutputMaxSize < 0) return 'MaxOutputMaxSize must be positive';
  if (check.FailuresBeforeWarning > check.FailuresBeforeCritical) {
    return "FailuresBeforeWarning can't be higher than FailuresBeforeCritical";
  }
  return undefined;
}
