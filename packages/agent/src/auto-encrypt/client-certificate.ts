import { createPrivateKey, X509Certificate } from 'node:crypto';
import { type Endpoint, errorText, type Log, type Timer } from '@proconsul/base';
import type { Caller } from '@proconsul/endpoints';
import { createCertificateRequest, generateKey, keyPem } from '@proconsul/io-node/x509';
import type { RpcPeer } from '@proconsul/rpc';
import { CASignRequest, SignedResponse } from '@proconsul/schema';
import { discover } from '../cluster/discovery.ts';
import { endpointsOf, splitAddress } from '../cluster/join-address.ts';
import { resolveHost } from '../cluster/resolve-host.ts';
import type { RpcSide } from '../cluster/rpc.ts';
import type { AgentContext } from '../context.ts';
import { AgentTls } from './agent-tls.ts';
import { Backoff } from './backoff.ts';
import { RootsWatch } from './roots-watch.ts';
import { agentUri } from './spiffe.ts';

/** Stands for the trust domain that an agent does not know yet. */
const UNKNOWN_TRUST_DOMAIN = 'unknown.consul';

/** Parts of its lifetime after which a certificate is renewed: at random between them. */
export const RENEW_AFTER = { least: 0.5, most: 0.9 } as const;

/** Nor sooner than this after the last time, whatever the clocks of servers say. */
export const RENEW_PAUSE_MS = 10_000;

/** Timers are not set further ahead. */
const SLEEP_MAX_MS = 86_400_000;

export interface ClientCertificateDependencies {
  readonly context: AgentContext;
  readonly rpc: RpcSide;
  readonly caller: Caller;
  /** A server of the pool, once there is one. */
  known(): RpcPeer | undefined;
}

/**
 * The certificate of a client agent with `auto_encrypt.tls`: asked of the servers before the agent joins, and again
 * before it expires and when the authority changes. Key and certificate are kept in memory only.
 */
export class ClientCertificate {
  readonly #d: ClientCertificateDependencies;
  readonly #log: Log;
  readonly #tls: AgentTls;
  readonly #gone = new AbortController();
  readonly #roots: RootsWatch;
  #activeRoot = '';
  #timer: Timer | undefined;
  #renewing = false;

  constructor(dependencies: ClientCertificateDependencies) {
    this.#d = dependencies;
    const { context, caller } = dependencies;
    this.#log = context.log.named('auto_config');
    this.#tls = context.agentTls ?? new AgentTls();
    this.#roots = new RootsWatch({
      caller,
      clock: context.clock,
      log: this.#log,
      datacenter: context.config().datacenter,
      token: () => context.config().acl.tokens.agent || context.config().acl.tokens.default,
      changed: ({ ActiveRootID }) => {
        if (ActiveRootID === '' || ActiveRootID === this.#activeRoot) return;
        this.#log.debug('roots watch fired - updating CA certificates');
        void this.#renew();
      },
    });
  }

  /** Resolves when the agent has a certificate, however long it takes. */
  async obtain(): Promise<void> {
    await this.#ask();
    if (!this.#gone.signal.aborted) this.#log.info('automatically upgraded to TLS');
  }

  /** Renews it from now on. */
  keep(): void {
    this.#schedule();
    this.#roots.start();
    this.#log.info('auto-config started');
  }

  stop(): void {
    this.#gone.abort();
    this.#timer?.cancel();
    this.#roots.stop();
  }

  async #ask(): Promise<void> {
    const { clock, rng } = this.#d.context;
    const backoff = new Backoff(clock, rng);
    while (!this.#gone.signal.aborted) {
      for (const address of await this.#addresses()) if (await this.#askOne(address)) return;
      if (this.#gone.signal.aborted) return;
      this.#log.error('No servers successfully responded to the auto-encrypt request');
      await backoff.pause(this.#gone.signal);
    }
  }

  /** The servers of the pool come first; before that, the hosts that the agent is told to join. */
  async #addresses(): Promise<readonly Endpoint[]> {
    const { context, known } = this.#d;
    const config = context.config();
    const server = known();
    const found: Endpoint[] = server === undefined ? [] : [server.address];
    for (const text of config.retryJoinLan.addresses) {
      try {
        const addresses = text.includes('provider=') ? await discover(text) : [text];
        for (const address of addresses) {
          for (const { host } of await endpointsOf(address, config.ports.server, resolveHost)) {
            found.push({ host, port: config.ports.server });
          }
        }
      } catch (error) {
        this.#log.warn('error resolving IPs', { host: splitAddress(text, 0).host, error: errorText(error) });
      }
    }
    return found;
  }

  async #askOne(address: Endpoint): Promise<boolean> {
    if (this.#gone.signal.aborted) return false;
    const { datacenter, nodeName, autoEncrypt, acl } = this.#d.context.config();
    const addr = address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
    this.#log.debug('making AutoEncrypt.Sign RPC', { addr });
    const keys = generateKey();
    const CSR = createCertificateRequest(
      {
        uris: [agentUri(UNKNOWN_TRUST_DOMAIN, datacenter, nodeName)],
        dnsNames: ['localhost', ...autoEncrypt.dnsSan],
        addresses: ['127.0.0.1', '::1', ...autoEncrypt.ipSan],
      },
      keys,
    );
    const Token = acl.tokens.agent || acl.tokens.default;
    const body = CASignRequest.encodeWire(CASignRequest.make({ Datacenter: datacenter, Token, CSR }));
    const peer = { name: addr, datacenter, address, useTls: true };
    try {
      const reply = await this.#d.rpc.insecureCall(peer, 'AutoEncrypt.Sign', body, this.#gone.signal);
      this.#take(SignedResponse.decodeWire(reply), keyPem(keys.privateKey));
      return true;
    } catch (error) {
      if (!this.#gone.signal.aborted) {
        this.#log.error('AutoEncrypt.Sign RPC failed', { addr, error: errorText(error) });
      }
      return false;
    }
  }

  /** Throws when the certificate does not fit the key. */
  #take(answer: SignedResponse, key: string): void {
    const { IssuedCert, ConnectCARoots, ManualCARoots, VerifyServerHostname } = answer;
    const config = this.#d.context.config();
    const roots = ConnectCARoots.Roots ?? [];
    if (!new X509Certificate(IssuedCert.CertPEM).checkPrivateKey(createPrivateKey(key))) {
      throw new Error('the certificate is not for our key');
    }
    this.#tls.set({
      key,
      cert: IssuedCert.CertPEM,
      manualRoots: ManualCARoots ?? [],
      meshRoots: roots.map((root) => root.RootCert),
      verifyServerHostname: VerifyServerHostname,
    });
    const verifyServerHostname = config.tls.internalRpc.verifyServerHostname || VerifyServerHostname;
    const rules = { verifyOutgoing: true, verifyServerHostname };
    this.#d.rpc.overlay({ tls: (options) => this.#tls.forServers(options), rules });
    this.#activeRoot = ConnectCARoots.ActiveRootID;
  }

  #schedule(): void {
    this.#timer?.cancel();
    const certificate = this.#tls.certificate;
    if (certificate === undefined || this.#gone.signal.aborted) return;
    const { clock, rng } = this.#d.context;
    const { validFrom, validTo } = new X509Certificate(certificate.cert);
    const part = RENEW_AFTER.least + rng.float() * (RENEW_AFTER.most - RENEW_AFTER.least);
    const wanted = Date.parse(validFrom) + part * (Date.parse(validTo) - Date.parse(validFrom));
    const at = Math.max(wanted, clock.wallMs() + RENEW_PAUSE_MS);
    const tick = () => {
      const left = at - clock.wallMs();
      if (left <= 0) void this.#renew();
      else this.#timer = clock.after(Math.min(left, SLEEP_MAX_MS), tick);
    };
    tick();
  }

  async #renew(): Promise<void> {
    if (this.#renewing) return;
    this.#renewing = true;
    this.#timer?.cancel();
    await this.#ask();
    this.#renewing = false;
    if (this.#gone.signal.aborted) return;
    this.#log.debug('leaf certificate watch fired - updating TLS certificate');
    this.#schedule();
  }
}
