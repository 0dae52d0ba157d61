import { readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { hostname, networkInterfaces } from 'node:os';
import type { InterfaceAddress, LoadInput } from '@proconsul/config';

/** What loading configuration needs of this machine. */
export function configWorld(env: LoadInput['env']): Omit<LoadInput, 'args'> {
  return {
    readFile: (path) => readFileSync(path),
    listDir: (path) => readdirSync(path),
    stat(path) {
      const info = statSync(path, { throwIfNoEntry: false });
      return info === undefined ? undefined : info.isDirectory() ? 'directory' : 'file';
    },
    realPath: (path) => realpathSync(path),
    env,
    hostname: hostname(),
    interfaces: interfaceAddresses(),
    ...descriptorLimit(),
  };
}

function interfaceAddresses(): InterfaceAddress[] {
  const route = defaultRoute();
  return Object.entries(networkInterfaces()).flatMap(([name, list]) =>
    (list ?? []).map((one) => ({
      name,
      address: one.address,
      prefixLength: Number(one.cidr?.split('/')[1] ?? 0),
      flags: one.internal ? ['up', 'loopback'] : ['up', 'broadcast', 'multicast'],
      isDefault: name === route,
    })),
  );
}

/** The interface of the default route, where the system tells. Source: proc(5), /proc/net/route. */
function defaultRoute(): string | undefined {
  try {
    const rows = readFileSync('/proc/net/route', 'latin1').split('\n').slice(1);
    return rows.map((row) => row.split('\t')).find(([, destination]) => destination === '00000000')?.[0];
  } catch {
    return undefined;
  }
}

/** Source: proc(5), /proc/self/limits. */
function descriptorLimit(): { maxFileDescriptors?: number } {
  try {
    const hard = /^Max open files\s+\S+\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
    return hard === undefined ? {} : { maxFileDescriptors: Number(hard) };
  } catch {
    return {};
  }
}
