import type { Network } from '@proconsul/base';
import type { RuntimeConfig } from '@proconsul/config';
import { DnsHandler, DnsServer, Recursors } from '@proconsul/dns';
import type { Caller } from '@proconsul/endpoints';
import { type AgentApi, HttpApi, HttpFront } from '@proconsul/http-api';
import { nodeGzip, type TlsNetwork, type TlsOptions, tlsNetwork } from '@proconsul/io-node';
import { apiSettings } from './api-settings.ts';
import type { AgentContext } from './context.ts';
import { dnsSettings } from './dns-settings.ts';
import { CatalogDnsSource } from './dns-source.ts';
import { tlsOptions } from './tls-files.ts';
import { WanAddresses } from './wan-addresses.ts';

/** Grace that requests in flight get when the agent stops. */
const HTTP_GRACE_MS = 1000;

type HttpAddress = RuntimeConfig['httpAddrs'][number];

const textOf = (a: HttpAddress) => (a.network === 'unix' ? a.path : `${a.ip}:${a.port}`);
const networkOf = (a: HttpAddress) => (a.network === 'unix' ? 'unix' : 'tcp');

/** What clients talk to: HTTP, HTTPS and DNS. */
export class Fronts {
  readonly #context: AgentContext;
  readonly #api: HttpApi;
  readonly #http: HttpFront;
  readonly #https: TlsNetwork | null;
  readonly #dnsHandler: DnsHandler;
  readonly #dns: DnsServer;
  #settings: ReturnType<typeof apiSettings>;

  /** Throws when a certificate cannot be read. */
  constructor(context: AgentContext, agent: AgentApi, caller: Caller) {
    const { clock, rng, network, log, metrics } = context;
    const config = context.config();
    this.#context = context;
    this.#settings = apiSettings(config);
    this.#api = new HttpApi({
      datacenter: config.datacenter,
      agent,
      caller: config.translateWanAddrs ? new WanAddresses(caller, config.datacenter) : caller,
      clock,
      log: log.named('http'),
      metrics,
      keepsAnswers: !config.server,
      settings: () => this.#settings,
      gzip: (body) => nodeGzip.compress(body),
    });
    this.#http = new HttpFront(
      { maxConnsPerClient: config.http.maxConnsPerClient },
      { clock, log: log.named('http'), gzip: nodeGzip },
      (req, res) => this.#api.handle(req, res),
    );
    this.#https = config.httpsAddrs.length === 0 ? null : tlsNetwork(this.#httpsOptions(config), log.named('http'));
    context.agentTls?.onChange(() => this.#https?.reload(this.#httpsOptions(context.config())));
    const dnsLog = log.named('dns');
    const recursors = new Recursors(dnsSettings(config), { network, clock, rng, log: dnsLog });
    const token = () => context.config().acl.tokens.dns || context.config().acl.tokens.default;
    const source = new CatalogDnsSource(caller, token, config.nodeName, clock);
    this.#dnsHandler = new DnsHandler(dnsSettings(config), { source, clock, rng, log: dnsLog, metrics, recursors });
    this.#dns = new DnsServer({ network, clock, log, handler: this.#dnsHandler, recursors });
  }

  #httpsOptions(config: RuntimeConfig): TlsOptions {
    const options = tlsOptions(config.tls.https);
    return this.#context.agentTls?.forHttps(options) ?? options;
  }

  /** Rejects when an address is taken. */
  async start(): Promise<void> {
    const config = this.#context.config();
    const dnsEndpoints = config.dnsAddrs.flatMap((a) => (a.network === 'udp' ? [{ host: a.ip, port: a.port }] : []));
    await this.#dns.start(dnsEndpoints);
    for (const a of config.httpAddrs) await this.#listen(this.#context.network, 'http', a);
    if (this.#https !== null) for (const a of config.httpsAddrs) await this.#listen(this.#https, 'https', a);
  }

  async #listen(network: Network, protocol: 'http' | 'https', a: HttpAddress): Promise<void> {
    const { user, group, mode } = this.#context.config().unixSockets;
    if (a.network === 'unix') {
      await this.#http.listen(network, {
        host: '',
        port: 0,
        path: a.path,
        ...(mode === '' ? {} : { mode: Number.parseInt(mode, 8) }),
        ...(user === '' ? {} : { user }),
        ...(group === '' ? {} : { group }),
      });
    } else await this.#http.listen(network, { host: a.ip, port: a.port });
    this.#context.log.info('Starting server', { address: textOf(a), network: networkOf(a), protocol });
  }

  reload(next: RuntimeConfig): void {
    this.#settings = apiSettings(next);
    this.#https?.reload(this.#httpsOptions(next));
    this.#api.forget();
    this.#dnsHandler.reload(dnsSettings(next));
    this.#http.configure({ maxConnsPerClient: next.http.maxConnsPerClient });
  }

  async stop(): Promise<void> {
    const { log } = this.#context;
    await this.#dns.stop();
    for (const a of this.#context.config().httpAddrs) {
      log.info('Stopping server', { address: textOf(a), network: networkOf(a), protocol: 'http' });
    }
    log.info('Waiting for endpoints to shut down');
    this.#api.close();
    await this.#http.close(HTTP_GRACE_MS);
    log.info('Endpoints down');
  }

  /** After a start that failed: without grace, without a word. */
  async abandon(): Promise<void> {
    await this.#dns.stop();
    this.#api.close();
    await this.#http.close(0);
  }
}
