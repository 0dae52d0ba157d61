import type { AddressReader } from './addresses.ts';
import { parseIp } from './ip.ts';
import type { Reader } from './reader.ts';
import type { RuntimeConfig } from './runtime.ts';

export function buildAutoConfig(
  reader: Reader,
  addresses: AddressReader,
  context: { readonly introToken: string | undefined; readonly warn: (text: string) => void },
): RuntimeConfig['autoConfig'] {
  const fromEnv = context.introToken ?? '';
  if (fromEnv !== '' && reader.text('auto_config.intro_token') !== '') {
    const both = 'Both auto_config.intro_token and the CONSUL_INTRO_TOKEN environment variable are set';
    context.warn(`${both}. Using the value from the environment variable`);
  }
  const path = 'auto_config.authorization.static' as const;
  const authorizationEnabled = reader.bool('auto_config.authorization.enabled');
  return {
    enabled: reader.bool('auto_config.enabled'),
    introToken: fromEnv || reader.text('auto_config.intro_token'),
    introTokenFile: reader.text('auto_config.intro_token_file'),
    serverAddresses: addresses.list('auto_config.server_addresses'),
    dnsSans: reader.list('auto_config.dns_sans'),
    ipSans: reader.list('auto_config.ip_sans').filter((ip) => parseIp(ip) !== undefined),
    authorizer: {
      enabled: authorizationEnabled,
      allowReuse: reader.bool(`${path}.allow_reuse`),
      claimAssertions: reader.list(`${path}.claim_assertions`),
      jwtSupportedAlgs: reader.list(`${path}.jwt_supported_algs`),
      boundAudiences: reader.list(`${path}.bound_audiences`),
      claimMappings: reader.map(`${path}.claim_mappings`),
      listClaimMappings: reader.map(`${path}.list_claim_mappings`),
      oidcDiscoveryUrl: reader.text(`${path}.oidc_discovery_url`),
      oidcDiscoveryCaCert: reader.text(`${path}.oidc_discovery_ca_cert`),
      jwksUrl: reader.text(`${path}.jwks_url`),
      jwksCaCert: reader.text(`${path}.jwks_ca_cert`),
      jwtValidationPubKeys: reader.list(`${path}.jwt_validation_pub_keys`),
      boundIssuer: reader.text(`${path}.bound_issuer`),
      expirationLeewayMs: reader.ms(`${path}.expiration_leeway`),
      notBeforeLeewayMs: reader.ms(`${path}.not_before_leeway`),
      clockSkewLeewayMs: reader.ms(`${path}.clock_skew_leeway`),
    },
  };
}

export function warnSans(reader: Reader, warn: (text: string) => void): void {
  for (const [key, shown] of [
    ['auto_encrypt.ip_san', 'AutoEncrypt.IPSAN'],
    ['auto_config.ip_sans', 'auto_config.ip_sans'],
  ] as const) {
    for (const ip of reader.list(key)) {
      if (parseIp(ip) === undefined) warn(`Cannot parse ip ${JSON.stringify(ip)} from ${shown}`);
    }
  }
}
