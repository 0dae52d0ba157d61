import { parseDuration, quoteGo } from '@proconsul/base';
import { checkError, serviceError } from './definition-check.ts';
import type { RuntimeConfig } from './runtime.ts';
import { refuser, type ValidateContext } from './validate.ts';

/** Descriptors that the agent needs besides those for HTTP clients. */
const SPARE_DESCRIPTORS = 20;
const DEPLOYMENT_TABLE = 'https://developer.hashicorp.com/docs/internals/consensus.html#deployment-table';

/** What Consul checks last. Throws ConfigError; order and texts are Consul's. Warns about what is only doubtful. */
export function validateRest(config: RuntimeConfig, context: ValidateContext): void {
  const { reader } = context;
  const refuse = refuser(context);
  config.services.forEach((service, index) => {
    const reason = serviceError(service);
    if (reason === undefined) return;
    throw reader.error(`services[${index}]`, `service ${quoteGo(service.Name)}: ${reason}`);
  });
  config.checks.forEach((check, index) => {
    const reason = checkError(check);
    if (reason !== undefined) throw reader.error(`checks[${index}]`, `check ${quoteGo(check.Name)}: ${reason}`);
  });
  warnings(config, context);
  const provider = config.connect.caProvider;
  refuse('connect.ca_provider', !['', 'consul', 'vault', 'aws-pca'].includes(provider), () => {
    return `${provider} is not a valid CA provider`;
  });
  refuse('auto_encrypt.tls', config.server && config.autoEncrypt.tls, () => {
    return 'auto_encrypt.tls can only be used on a client.';
  });
  refuse('auto_encrypt.allow_tls', !config.server && config.autoEncrypt.allowTls, () => {
    return 'auto_encrypt.allow_tls can only be used on a server.';
  });
  refuse('advertise_reconnect_timeout', config.server && config.advertiseReconnectTimeoutMs !== 0, () => {
    return 'advertise_reconnect_timeout can only be used on a client';
  });
  validateDescriptors(config, context);
  validateAutoConfig(config, context);
  validateCaConfig(config, context);
}

function validateDescriptors(config: RuntimeConfig, { reader, maxFileDescriptors }: ValidateContext): void {
  const wanted = config.http.maxConnsPerClient;
  if (maxFileDescriptors === undefined || wanted + SPARE_DESCRIPTORS <= maxFileDescriptors) return;
  const have = `system allows a max of ${maxFileDescriptors} file descriptors`;
  const need = `limits.http_max_conns_per_client: ${wanted} needs at least ${wanted + SPARE_DESCRIPTORS}`;
  throw reader.error('limits.http_max_conns_per_client', `${have}, but ${need}`);
}

function validateAutoConfig({ autoConfig, autoEncrypt, server, tls }: RuntimeConfig, context: ValidateContext): void {
  const refuse = refuser(context);
  const key = 'auto_config.enabled';
  const isOn = autoConfig.enabled;
  refuse(key, isOn && autoEncrypt.tls, () => 'both auto_encrypt.tls and auto_config.enabled cannot be set to true.');
  refuse(key, isOn && server, () => 'auto_config.enabled cannot be set to true for server agents.');
  refuse(key, isOn && !tls.internalRpc.verifyOutgoing, () => {
    return 'auto_config.enabled cannot be set without configuring TLS for server communications';
  });
  refuse(key, isOn && autoConfig.introToken === '' && autoConfig.introTokenFile === '', () => {
    const where = 'One of auto_config.intro_token, auto_config.intro_token_file or the CONSUL_INTRO_TOKEN environment';
    return `${where} variable must be set to enable auto_config`;
  });
  refuse(key, isOn && autoConfig.serverAddresses.length === 0, () => {
    return 'auto_config.enabled is set without providing a list of addresses';
  });
  const authorization = 'auto_config.authorization.enabled';
  refuse(authorization, autoConfig.authorizer.enabled && !server, () => {
    return 'auto_config.authorization.enabled cannot be set to true for client agents';
  });
  refuse(authorization, autoConfig.authorizer.enabled && tls.internalRpc.certFile === '', () => {
    return 'auto_config.authorization.enabled cannot be set without providing a TLS certificate for the server';
  });
}

const HOUR_NS = 3600e9;

function validateCaConfig({ connect }: RuntimeConfig, { reader }: ValidateContext): void {
  const { caConfig, caProvider } = connect;
  const fail = (text: string) => reader.error('connect.ca_config', text);
  if (caProvider === 'vault' && !caConfig['Token'] && !caConfig['auth_method']) {
    throw fail('must provide a Vault token or configure a Vault auth method');
  }
  const ttl = caConfig['LeafCertTTL'];
  const ns = typeof ttl === 'string' ? parseDuration(ttl) : undefined;
  // Without a provider nobody looks at its settings yet.
  if (caProvider !== '' && ns !== undefined && ns < HOUR_NS)
    throw fail('leaf cert TTL must be greater or equal than 1h0m0s');
}

function warnings(config: RuntimeConfig, { reader, warn }: ValidateContext): void {
  const name = `Node name ${quoteGo(config.nodeName)} will not be discoverable via DNS due to`;
  if (!/^[a-zA-Z0-9-]+$/.test(config.nodeName)) {
    warn(`${name} invalid characters. Valid characters include all alpha-numerics and dashes.`);
  } else if (config.nodeName.length > 63) {
    warn(`${name} it being too long. Valid lengths are between 1 and 63 bytes.`);
  }
  if (config.bootstrap) warn('bootstrap = true: do not enable unless necessary');
  const expect = config.bootstrapExpect;
  if (expect === 2) {
    warn(`bootstrap_expect = 2: A cluster with 2 servers will provide no failure tolerance. See ${DEPLOYMENT_TABLE}`);
  } else if (expect > 2 && expect % 2 === 0) {
    const even = 'bootstrap_expect is even number: A cluster with an even number of servers does not achieve optimum';
    warn(`${even} fault tolerance. See ${DEPLOYMENT_TABLE}`);
  }
  if (expect > 1) warn(`bootstrap_expect > 0: expecting ${expect} servers`);
  if (config.enableRemoteScriptChecks && !config.acl.enabled && config.http.allowWriteFrom.length === 0) {
    const blog = 'https://www.hashicorp.com/blog/protecting-consul-from-rce-risk-in-specific-configurations/';
    const danger = 'using enable-script-checks without ACLs and without allow_write_http_from is DANGEROUS';
    warn(`${danger}, use enable-local-script-checks instead, see ${blog}`);
  }
  if (config.server && config.useStreamingBackend && !config.rpcEnableStreaming) {
    warn('use_streaming_backend = true requires rpc.enable_streaming on servers to work properly');
  }
  if (!config.server && reader.raw('rpc.enable_streaming') === true) {
    warn('rpc.enable_streaming = true has no effect when not running in server mode');
  }
  if (config.autoEncrypt.allowTls && !config.tls.internalRpc.verifyIncoming) warn(ALLOW_TLS_WARNING);
}

const ALLOW_TLS_WARNING =
  'if auto_encrypt.allow_tls is turned on, tls.internal_rpc.verify_incoming should be enabled (either explicitly or via ' +
  'tls.defaults.verify_incoming). It is necessary to turn it off during a migration to TLS, but it should definitely be ' +
  'turned on afterwards.';
