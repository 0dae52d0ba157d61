import { serviceFault } from '@proconsul/schema';
import type { CheckType, ServiceDefinition } from './definitions.ts';

/**
 * What is wrong with a check, in Consul's words; undefined when nothing is. The same rules hold for checks that are
 * registered over HTTP.
 */
export function checkError(check: CheckType): string | undefined {
  const isScript = check.ScriptArgs.length > 0;
  const needsInterval =
    isScript ||
    [check.HTTP, check.TCP, check.UDP, check.GRPC, check.H2PING, check.OSService].some((target) => target !== '');
  const isAlias = check.AliasNode !== '' || check.AliasService !== '';
  if (check.Interval > 0 && check.TTL > 0) return 'Interval and TTL cannot both be specified';
  if (needsInterval && check.Interval <= 0) {
    return 'Interval must be > 0 for Script, HTTP, H2PING, TCP, UDP or OSService checks';
  }
  if (!needsInterval && !isAlias && check.TTL <= 0) return 'TTL must be > 0 for TTL checks';
  if (check.OutputMaxSize < 0) return 'MaxOutputMaxSize must be positive';
  if (check.FailuresBeforeWarning > check.FailuresBeforeCritical) {
    return "FailuresBeforeWarning can't be higher than FailuresBeforeCritical";
  }
  return undefined;
}

/** What is wrong with a service definition, its checks included; undefined when nothing is. */
export function serviceError(service: ServiceDefinition): string | undefined {
  const fault = serviceFault(service);
  if (fault !== undefined) return fault;
  for (const check of service.Checks) {
    const reason = checkError(check);
    if (reason !== undefined) return `check ${JSON.stringify(check.Name)}: ${reason}`;
  }
  return undefined;
}
