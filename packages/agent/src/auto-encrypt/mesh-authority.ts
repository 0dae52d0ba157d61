import { type Clock, parseDuration } from '@proconsul/base';
import type { AltNames } from '@proconsul/io-node/x509';
import { createIntermediate, createMeshLeaf, parseCertificateRequest } from '@proconsul/io-node/x509';
import type { GoTime } from '@proconsul/msgpack';
import { type CAConsulProviderState, CARequest, type CARoot, IssuedCert } from '@proconsul/schema';
import { TokenBucket } from '../cluster/token-bucket.ts';
import { parseSpiffeId, SPIFFE_ID_BYTES_MAX, type SpiffeId } from './spiffe.ts';

/** Certificates are valid from a little earlier, for clocks that are behind. Source: recorded certificates. */
const BACKDATE_MS = 60_000;
/** Lifetime when the configuration of the authority does not tell. Source: recorded configuration. */
const LEAF_TTL_MS = 72 * 3_600_000;
const INTERMEDIATE_TTL_MS = 8760 * 3_600_000;
/** Certificates a second, and at once: each is a write to the log that anybody on the network may ask for. */
export const SIGN_RATE = 50;
export const SIGN_BURST = 50;
const UTC = -1;

export interface MeshAuthorityDependencies {
  readonly datacenter: string;
  /** `domain`. */
  readonly domain: string;
  readonly clock: Clock;
  roots(): readonly CARoot[];
  providerStates(): readonly CAConsulProviderState[];
  /** `Config` of the authority. */
  settings(): Readonly<Record<string, unknown>>;
  /** Commits a change of the authority. Rejects when we do not lead. */
  propose(request: CARequest): Promise<unknown>;
  /** Index of the state after the last change. */
  index(): number;
}

/** The trust domain of a mesh: the reference does not use the configured domain for it. */
export const trustDomain = (root: CARoot): string => `${root.ExternalTrustDomain}.consul`;

/** Signs certificates of agents and services with the key of the built-in provider, on the leader. */
export class MeshAuthority {
  readonly #d: MeshAuthorityDependencies;
  readonly #bucket: TokenBucket;

  constructor(dependencies: MeshAuthorityDependencies) {
    this.#d = dependencies;
    this.#bucket = new TokenBucket(SIGN_RATE, SIGN_BURST, dependencies.clock);
  }

  /**
   * A certificate for the one who asks in `pem`, with a serial number of its own. `onlyAgents` refuses everybody but
   * client agents. Rejects with Error; texts as probed, except where the reference lets more through: identities of
   * other datacenters, names of servers, and signatures that do not fit the key.
   */
  async sign(pem: string, onlyAgents = false): Promise<IssuedCert> {
    const { root, publicKey, names, id, uri } = this.check(pem, onlyAgents);
    const ca = this.#signer(root);
    const serial = await this.#nextSerial();
    const { from, until } = this.#validity('LeafCertTTL', LEAF_TTL_MS);
    const leaf = createMeshLeaf(
      { serial: BigInt(serial), publicKey, names, from: new Date(from), until: new Date(until) },
      ca,
    );
    const index = this.#d.index();
    return IssuedCert.make({
      SerialNumber: serialText(serial),
      CertPEM: leaf + ca.intermediate,
      ...ownFields(id, uri),
      ValidAfter: moment(from),
      ValidBefore: moment(until),
      CreateIndex: index,
      ModifyIndex: index,
    });
  }

  /**
   * The certificate of the authority of another datacenter, in PEM, for the trust domain that all share. Rejects with
   * Error; texts as probed. The reference also signs requests that name nobody, or a service.
   */
  async signIntermediate(pem: string): Promise<string> {
    const { publicKey, ...names } = parseCertificateRequest(pem);
    const root = this.#activeRoot();
    const uri = intermediateUri(names, trustDomain(root));
    const ca = this.#signer(root);
    const serial = await this.#nextSerial();
    const { from, until } = this.#validity('IntermediateCertTTL', INTERMEDIATE_TTL_MS);
    return createIntermediate(
      { serial: BigInt(serial), publicKey, uri, from: new Date(from), until: new Date(until) },
      ca,
    );
  }

  async #nextSerial(): Promise<number> {
    if (!this.#bucket.take()) throw new Error('too many requests for certificates at once, try again later');
    const { datacenter: Datacenter, propose } = this.#d;
    const serial = await propose(CARequest.make({ Datacenter, Op: 'increment-provider-serial' }));
    if (typeof serial !== 'number') throw new Error('no serial number for the certificate');
    return serial;
  }

  #activeRoot(): CARoot {
    const root = this.#d.roots().find((one) => one.Active);
    if (root === undefined) throw new Error('the certificate authority has no active root yet');
    return root;
  }

  /** What would be signed. Throws Error when nothing would. */
  check(pem: string, onlyAgents: boolean) {
    const request = parseCertificateRequest(pem);
    const root = this.#activeRoot();
    const { datacenter, domain } = this.#d;
    const checked = checkedNames(request, { datacenter, domain, trust: trustDomain(root), onlyAgents });
    return { root, publicKey: request.publicKey, ...checked };
  }

  /** Throws Error when the provider is another one, or has no key here. */
  #signer(root: CARoot): { cert: string; key: string; intermediate: string } {
    const state = this.#d.providerStates().find((one) => one.RootCert.trim() === root.RootCert.trim());
    if (state === undefined || state.PrivateKey === '')
      throw new Error('the key of the certificate authority is not here');
    const intermediate = state.IntermediateCert;
    return { cert: intermediate || state.RootCert, key: state.PrivateKey, intermediate };
  }

  /** From a little before now, for as long as the setting says. */
  #validity(setting: 'LeafCertTTL' | 'IntermediateCertTTL', otherwiseMs: number): { from: number; until: number } {
    const ttl = this.#d.settings()[setting];
    const text = ttl instanceof Uint8Array ? new TextDecoder().decode(ttl) : ttl;
    const ns = typeof text === 'string' ? parseDuration(text) : Number(text);
    const from = Math.floor((this.#d.clock.wallMs() - BACKDATE_MS) / 1000) * 1000;
    return { from, until: from + (ns !== undefined && ns > 0 ? Math.floor(ns / 1e6) : otherwiseMs) };
  }
}

interface NameRules {
  readonly datacenter: string;
  readonly domain: string;
  readonly trust: string;
  readonly onlyAgents: boolean;
}

function checkedNames(asked: AltNames, rules: NameRules): { names: AltNames; id: SpiffeId; uri: string } {
  const [first, ...more] = asked.uris;
  if (first === undefined || more.length > 0) {
    throw new Error(`CSR SAN contains an invalid number of URIs: ${asked.uris.length}`);
  }
  if (asked.emails.length > 0) throw new Error('CSR SAN does not allow specifying email addresses');
  const { id, path } = parseSpiffeId(first);
  if (rules.onlyAgents && id.kind !== 'agent') throw new Error('SPIFFE ID in CSR must be an agent ID');
  // An agent that comes for its first certificate cannot know the trust domain.
  if (id.kind !== 'agent' && id.host !== rules.trust.toLowerCase()) {
    throw new Error(`SPIFFE ID in CSR from a different trust domain: ${id.host}, we are ${rules.trust}`);
  }
  if (id.datacenter !== rules.datacenter) {
    throw new Error(`SPIFFE ID in CSR from a different datacenter: ${id.datacenter}, we are ${rules.datacenter}`);
  }
  const foreign = asked.dnsNames.find((name) => isServerName(name, rules.domain));
  if (foreign !== undefined) throw new Error(`CSR SAN does not allow the name of a server: ${foreign}`);
  const uri = `spiffe://${rules.trust}${path}`;
  return { names: { ...asked, uris: [uri] }, id, uri };
}

/** The name of an authority in a trust domain. Throws Error when something else is asked for. */
function intermediateUri(asked: AltNames, trust: string): string {
  const [first, ...more] = asked.uris;
  if (first === undefined || more.length > 0) {
    throw new Error(`incoming CSR has unexpected number of URIs: ${asked.uris.length}`);
  }
  if (!/^spiffe:\/\//i.test(first)) throw new Error("SPIFFE ID must have 'spiffe' scheme");
  const uri = `spiffe://${trust}`;
  if (first.toLowerCase() !== uri.toLowerCase()) {
    throw new Error(`incoming CSR domain ${quoteText(first)} is not valid for our domain ${quoteText(uri)}`);
  }
  if (asked.dnsNames.length + asked.addresses.length + asked.emails.length > 0) {
    throw new Error('an authority has no other names than that of its trust domain');
  }
  return uri;
}

const quoteText = (text: string): string => JSON.stringify(text.slice(0, SPIFFE_ID_BYTES_MAX));

/**
 * Whether a certificate with this name would pass for that of a server: `verify_server_hostname` and the Raft port ask
 * for `server.DATACENTER.DOMAIN`.
 */
function isServerName(name: string, domain: string): boolean {
  const [first, , ...rest] = name.toLowerCase().replace(/\.$/, '').split('.');
  return (first === 'server' || first === '*') && rest.join('.') === domain.toLowerCase().replace(/\.$/, '');
}

function ownFields(id: SpiffeId, uri: string): Partial<IssuedCert> {
  if (id.kind === 'agent') return { Agent: id.name, AgentURI: uri };
  if (id.kind === 'service') return { Service: id.name, ServiceURI: uri };
  return id.kind === 'server' ? { ServerURI: uri } : { Kind: id.kind, KindURI: uri };
}

/** Bytes in hexadecimal with colons between them. */
function serialText(serial: number): string {
  const hex = serial.toString(16);
  return (hex.length % 2 === 0 ? hex : `0${hex}`).replace(/..(?=.)/g, '$&:');
}

const moment = (wallMs: number): GoTime => ({ seconds: wallMs / 1000, nanos: 0, offsetMinutes: UTC });
