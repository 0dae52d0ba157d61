import { configWorld } from '@proconsul/agent/config-world';
import type { AgentServiceRegistration } from '@proconsul/client';
import type { ServiceDefinition } from '@proconsul/config';
import { CommandError } from '../command.ts';
import { goError } from '../go-error.ts';
import type { Io } from '../io.ts';

/**
 * The services that definition files or folders declare, argument by argument: those of `services`, then the one of
 * `service`. Throws CommandError with the text of the configuration's reader.
 */
export async function loadServiceFiles(io: Io, paths: readonly string[]): Promise<AgentServiceRegistration[]> {
  const { loadConfig } = await import('@proconsul/config');
  const world = configWorld(io.env);
  return paths.flatMap((path) => {
    try {
      // With -dev nothing but the definitions is asked for.
      const { runtime } = loadConfig({ args: ['-dev', '-config-file', path], ...world });
      return runtime.services.map(registrationOf);
    } catch (error) {
      throw new CommandError(`Error: ${goError(error)}`);
    }
  });
}

/** The body of a registration: what the definition says, without what it leaves out. Durations are nanoseconds. */
function registrationOf(service: ServiceDefinition): AgentServiceRegistration {
  return {
    ...(withoutZeros({ ...service, Namespace: undefined, Partition: undefined }) as object),
    Name: service.Name,
  };
}

function withoutZeros(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.map((item) => withoutZeros(item) ?? item);
  if (value === null || value === '' || value === 0 || value === false) return undefined;
  if (typeof value !== 'object') return value;
  const kept = Object.entries(value)
    .map(([name, member]) => [name, withoutZeros(member)] as const)
    .filter(([, member]) => member !== undefined);
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}
