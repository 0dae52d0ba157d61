import { lookup } from 'node:dns/promises';
import type { Resolve } from './join-address.ts';

/** Addresses of a host name, as the system resolves it. Rejects with the text of Go's resolver. */
export const resolveHost: Resolve = async (host) => {
  try {
    return (await lookup(host, { all: true })).map((found) => found.address);
  } catch (error) {
    const { code } = error as { code?: string };
    const why = code === 'ENOTFOUND' ? 'no such host' : code === 'EAI_AGAIN' ? 'server misbehaving' : String(code);
    throw new Error(`lookup ${host}: ${why}`);
  }
};
