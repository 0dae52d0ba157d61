import { BlockList, isIPv6 } from 'node:net';
import type { RuntimeConfig } from '@proconsul/config';
import type { ApiSettings } from '@proconsul/http-api';

function network(cidr: string): { contains(host: string): boolean } {
  const [address = '', bits = '0'] = cidr.split('/');
  const list = new BlockList();
  list.addSubnet(address, Number(bits), isIPv6(address) ? 'ipv6' : 'ipv4');
  return {
    contains: (host) => {
      const plain = host.startsWith('::ffff:') ? host.slice('::ffff:'.length) : host;
      return list.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4');
    },
  };
}

/** What of the configuration the HTTP API looks at. */
export function apiSettings(c: RuntimeConfig): ApiSettings {
  return {
    indent: c.devMode,
    defaultAclPolicy: c.acl.defaultPolicy === 'deny' ? 'deny' : 'allow',
    aclEnabled: c.acl.enabled,
    connectEnabled: c.connect.enabled,
    responseHeaders: Object.entries(c.http.responseHeaders),
    translateWanAddrs: c.translateWanAddrs,
    blockEndpoints: c.http.blockEndpoints,
    allowWriteFrom: c.http.allowWriteFrom.map(network),
    useCache: c.http.useCache,
    discoveryMaxStaleMs: c.discoveryMaxStaleMs,
    kvMaxValueSizeBytes: c.kvMaxValueSizeBytes,
    txnMaxBytes: Math.max(c.txnMaxReqLenBytes, c.kvMaxValueSizeBytes),
    disableUnprintableCharFilter: c.http.disableUnprintableCharFilter,
    uiEnabled: c.ui.enabled,
    uiContentPath: c.ui.contentPath,
    useStreamingBackend: c.useStreamingBackend,
    enableDebug: c.enableDebug,
  };
}
