import { Http } from '@proconsul/client';
import { nodeTransport } from '@proconsul/client/node';
import type { RuntimeConfig } from '@proconsul/config';
import { tlsOptions } from './tls-files.ts';

/** Listeners on every address are reached on the loopback address of their family. */
const LOOPBACK: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '[::1]' };

/** This agent's own HTTP interface, for parts that ask it like any client; undefined when it has none. */
export function ownHttp(config: RuntimeConfig): Http | undefined {
  const plain = config.httpAddrs[0];
  if (plain !== undefined) return new Http({}, nodeTransport(addressOf('http', plain)));
  const secure = config.httpsAddrs[0];
  if (secure === undefined) return undefined;
  const { cert, key } = tlsOptions(config.tls.https);
  // The certificate names the server, not the address that we dial on our own machine.
  return new Http({}, nodeTransport(addressOf('https', secure), { cert, key, verify: false }));
}

function addressOf(scheme: string, a: RuntimeConfig['httpAddrs'][number]): string {
  if (a.network === 'unix') return `unix://${a.path}`;
  const host = LOOPBACK[a.ip] ?? (a.ip.includes(':') ? `[${a.ip}]` : a.ip);
  return `${scheme}://${host}:${a.port}`;
}
