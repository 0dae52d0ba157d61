import type { Endpoint } from '@proconsul/base';

/** Resolves a host name to IP literals. Rejects with an error whose text tells why. */
export type Resolve = (host: string) => Promise<readonly string[]>;

/** Host and port of `host`, `host:port`, `ip`, `ip:port`, `[v6]:port`, `[v6]` or a bare v6 address. */
export function splitAddress(text: string, defaultPort: number): Endpoint {
  const bracketed = /^\[([^\]]*)\](?::(\d+))?$/.exec(text);
  if (bracketed !== null) {
    return { host: bracketed[1] as string, port: bracketed[2] === undefined ? defaultPort : Number(bracketed[2]) };
  }
  const colon = text.lastIndexOf(':');
  // More than one colon without brackets: all of it is a v6 address.
  if (colon < 0 || text.indexOf(':') !== colon) return { host: text, port: defaultPort };
  const port = text.slice(colon + 1);
  return /^\d+$/.test(port) ? { host: text.slice(0, colon), port: Number(port) } : { host: text, port: defaultPort };
}

/** A member that is addressed as `name/host:port` is the name of a certificate; only the address matters here. */
const withoutName = (text: string): string => text.slice(text.indexOf('/') + 1);

const isIp = (host: string): boolean => host.includes(':') || /^\d+\.\d+\.\d+\.\d+$/.test(host);

const PORT_MAX = 65_535;

/** Every endpoint behind an address. Rejects with Consul's texts. */
export async function endpointsOf(text: string, defaultPort: number, resolve: Resolve): Promise<readonly Endpoint[]> {
  const { host, port } = splitAddress(withoutName(text), defaultPort);
  if (port > PORT_MAX) throw new Error(`strconv.ParseUint: parsing "${port}": value out of range`);
  if (isIp(host)) return [{ host, port }];
  if (host === '') throw new Error('lookup : no such host');
  return (await resolve(host)).map((ip) => ({ host: ip, port }));
}
