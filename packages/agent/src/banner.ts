import { BUILD_DATE, CONSUL_VERSION, PROCONSUL_VERSION } from '@proconsul/base';
import type { RuntimeConfig, TlsProtocol } from '@proconsul/config';

const LABEL_WIDTH = 22;

const row = (label: string, text: string): string => `${label.padStart(LABEL_WIDTH)}: ${text}\n`;

const port = (n: number): string => String(n > 0 ? n : -1);

const minVersion = (tls: TlsProtocol): string => (tls.minVersion === 'TLS_AUTO' ? 'TLSv1_2' : tls.minVersion);

/** `2026-01-02 03:04:05 +0000 UTC`, as Go prints a time. */
function goTime(rfc3339: string): string {
  return `${rfc3339.slice(0, 10)} ${rfc3339.slice(11, 19)} +0000 UTC`;
}

/** What an agent prints before its log. Source: recorded banners. */
export function banner(c: RuntimeConfig, nodeId: string): string {
  const p = c.ports;
  const tls = c.tls;
  const segment = c.server ? '<all>' : '';
  const client = `[${c.clientAddrs.join(' ')}] (HTTP: ${port(p.http)}, HTTPS: ${port(p.https)}, gRPC: ${port(p.grpc)}, gRPC-TLS: ${port(p.grpcTls)}, DNS: ${port(p.dns)})`;
  const verify = (t: TlsProtocol) => `Verify Incoming: ${t.verifyIncoming}`;
  const outgoing = (t: TlsProtocol) => `Verify Outgoing: ${t.verifyOutgoing}`;
  return [
    '==> Starting Consul agent...\n',
    row('Version', `'${CONSUL_VERSION}'`),
    row('Proconsul', `'${PROCONSUL_VERSION}'`),
    row('Build Date', `'${goTime(BUILD_DATE)}'`),
    row('Node ID', `'${nodeId}'`),
    row('Node name', `'${c.nodeName}'`),
    row('Datacenter', `'${c.datacenter}' (Segment: '${segment}')`),
    row('Server', `${c.server} (Bootstrap: ${c.bootstrap})`),
    row('Client Addr', client),
    row('Cluster Addr', `${c.advertiseAddrLan} (LAN: ${port(p.serfLan)}, WAN: ${port(p.serfWan)})`),
    row('Gossip Encryption', String(c.encryptKey !== '')),
    row('Auto-Encrypt-TLS', String(c.autoEncrypt.tls || c.autoEncrypt.allowTls)),
    row('ACL Enabled', String(c.acl.enabled)),
    c.server ? row('Reporting Enabled', 'false') : '',
    row('ACL Default Policy', c.acl.defaultPolicy),
    row('HTTPS TLS', `${verify(tls.https)}, ${outgoing(tls.https)}, Min Version: ${minVersion(tls.https)}`),
    row('gRPC TLS', `${verify(tls.grpc)}, Min Version: ${minVersion(tls.grpc)}`),
    row(
      'Internal RPC TLS',
      `${verify(tls.internalRpc)}, ${outgoing(tls.internalRpc)} (Verify Hostname: ${tls.internalRpc.verifyServerHostname}), Min Version: ${minVersion(tls.internalRpc)}`,
    ),
    '\n==> Log data will now stream in as it occurs:\n\n',
  ].join('');
}
