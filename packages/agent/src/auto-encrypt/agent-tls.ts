import type { TlsLayerOptions, TlsOptions } from '@proconsul/io-node';

/** A certificate that the servers gave this agent, and whom it may trust. PEM. */
export interface AgentCertificate {
  readonly key: string;
  readonly cert: string;
  /** Authorities of the servers' own certificates. */
  readonly manualRoots: readonly string[];
  /** Authorities of the certificates that servers give away. */
  readonly meshRoots: readonly string[];
  readonly verifyServerHostname: boolean;
}

/** The certificate of this moment, in memory only, and who wants to know when there is another. */
export class AgentTls {
  #certificate: AgentCertificate | undefined;
  readonly #listeners: (() => void)[] = [];

  get certificate(): AgentCertificate | undefined {
    return this.#certificate;
  }

  set(certificate: AgentCertificate): void {
    this.#certificate = certificate;
    for (const listener of this.#listeners) listener();
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Towards servers: ours is shown, and theirs must come from an authority that they named. */
  forServers(options: TlsLayerOptions): TlsLayerOptions {
    return this.#certificate === undefined
      ? options
      : { ...withCertificate(options, this.#certificate), verifyOutgoing: true };
  }

  /** On the HTTPS port, unless it has a certificate of its own. */
  forHttps(options: TlsOptions): TlsOptions {
    if (this.#certificate === undefined || options.cert !== undefined) return options;
    return withCertificate(options, this.#certificate);
  }
}

function withCertificate<T extends TlsOptions | TlsLayerOptions>(options: T, certificate: AgentCertificate): T {
  const { key, cert, manualRoots, meshRoots } = certificate;
  const own = options.ca === undefined ? [] : [options.ca].flat();
  return { ...options, key, cert, ca: [...own, ...manualRoots, ...meshRoots] };
}
