import type { TlsPeer } from '@proconsul/base';

/** The name that every server's certificate carries. Source: TLS configuration, `verify_server_hostname`. */
export const serverName = (datacenter: string, domain: string): string =>
  `server.${datacenter}.${domain.replace(/\.$/, '')}`;

/** The peer showed a certificate that our authorities vouch for and that is good for `name`. RFC 6125: a leftmost `*` counts. */
export function isVerifiedAs(peer: TlsPeer, name: string): boolean {
  const wanted = name.toLowerCase();
  const anyFirstLabel = `*${wanted.slice(wanted.indexOf('.'))}`;
  return peer.verified && peer.dnsNames.some((n) => n.toLowerCase() === wanted || n.toLowerCase() === anyFirstLabel);
}
