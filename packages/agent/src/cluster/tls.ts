import type { TlsLayer } from '@proconsul/base';
import type { RuntimeConfig } from '@proconsul/config';

/** Encryption between agents; undefined when the configuration names neither certificates nor authorities for it. */
export function internalTls(config: RuntimeConfig): TlsLayer | undefined {
  const { caFile, caPath, certFile } = config.tls.internalRpc;
  if (caFile === '' && caPath === '' && certFile === '') return undefined;
  throw new Error('tls.internal_rpc: encryption between agents is not available in this release');
}
