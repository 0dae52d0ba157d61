import type { RuntimeConfig } from '@proconsul/config';
import { nodeTlsLayer, type ReloadableTlsLayer, type TlsLayerOptions } from '@proconsul/io-node';
import { checkIncoming, tlsOptions } from '../tls-files.ts';

/** Encryption between agents; undefined when the configuration names neither certificates nor authorities for it. */
export function internalTls(config: RuntimeConfig): ReloadableTlsLayer | undefined {
  const options = internalTlsOptions(config);
  return options === undefined ? undefined : nodeTlsLayer(options);
}

/** What that is made of, read from its files. Throws with Consul's texts. */
export function internalTlsOptions(config: RuntimeConfig): TlsLayerOptions | undefined {
  const { internalRpc } = config.tls;
  checkIncoming(config.tls);
  const options = tlsOptions(internalRpc);
  if (internalRpc.verifyOutgoing && options.ca === undefined) {
    throw new Error('VerifyOutgoing set but no CA certificates were provided');
  }
  // A client that gets its certificate from the servers must be able to ask for it.
  if (options.ca === undefined && options.cert === undefined && !config.tls.autoTls) return undefined;
  const { key, cert, ca, minVersion, ciphers } = options;
  return {
    ...(key === undefined ? {} : { key }),
    ...(cert === undefined ? {} : { cert }),
    ...(ca === undefined ? {} : { ca }),
    ...(minVersion === undefined ? {} : { minVersion }),
    ...(ciphers === undefined ? {} : { ciphers }),
    verifyOutgoing: internalRpc.verifyOutgoing,
  };
}
