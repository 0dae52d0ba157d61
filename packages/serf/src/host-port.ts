import type { Endpoint } from '@proconsul/base';

/** The parts of `10.0.0.1:80` or `[::1]:80`; undefined for anything else. */
export function splitHostPort(text: string): Endpoint | undefined {
  const m = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  if (m === null) return undefined;
  const port = Number(m[3]);
  return port > 0xffff ? undefined : { host: (m[1] ?? m[2]) as string, port };
}
