import { errorText, type Log, sleep } from '@proconsul/base';
import { type CaRoots, noLeader } from '@proconsul/endpoints';
import { callError, type ExtraCalls, type RpcClient, type RpcHandlers, type RpcPeer } from '@proconsul/rpc';
import { CASignRequest, encoded, IndexedCARoots, IssuedCert, SignedResponse } from '@proconsul/schema';
import type { AgentContext } from '../context.ts';
import type { MeshAuthority } from './mesh-authority.ts';
import { certificatesOf } from './pem.ts';

/** Between attempts while there is no leader. */
const RETRY_MS = 250;

export interface ServerCertificatesDependencies {
  readonly context: AgentContext;
  readonly authority: MeshAuthority;
  readonly client: RpcClient;
  readonly log: Log;
  leads(): boolean;
  leaderPeer(): RpcPeer | undefined;
  /** Throws with the text of who cannot be reached. */
  datacenterPeer(datacenter: string): RpcPeer;
  /** The roots, their index with them. */
  roots(): { readonly index: number; readonly value: CaRoots };
  /** Authorities of `tls.internal_rpc`, in PEM. */
  manualRoots(): readonly string[];
}

/** Certificates that agents and services ask a server for. */
export class ServerCertificates {
  readonly #d: ServerCertificatesDependencies;

  constructor(dependencies: ServerCertificatesDependencies) {
    this.#d = dependencies;
  }

  /** For those that have a certificate, or need none. */
  get extra(): ExtraCalls {
    return new Map([
      ['ConnectCA.Sign', async (body) => IssuedCert.encodeWire(await this.#sign(decoded(body)))],
      ['ConnectCA.SignIntermediate', (body) => this.#signIntermediate(decoded(body))],
    ]);
  }

  /** For the leader of another datacenter, whose authority is below ours. Answers its certificate as bare text. */
  #signIntermediate(request: CASignRequest): Promise<Uint8Array> {
    return this.#atLeader('ConnectCA.SignIntermediate', request, async () => {
      const pem = await this.#told(() => this.#d.authority.signIntermediate(request.CSR));
      return encoded((w) => w.str(pem));
    });
  }

  /** For those that have none: behind byte 7. Texts: probed. */
  readonly insecureCall: NonNullable<RpcHandlers['insecureCall']> = async (method, body) => {
    if (method !== 'AutoEncrypt.Sign') {
      throw new Error(`rpc: can't find ${method.startsWith('AutoEncrypt.') ? 'method' : 'service'} ${method}`);
    }
    return SignedResponse.encodeWire(await this.#autoEncrypt(decoded(body)));
  };

  async #autoEncrypt(request: CASignRequest): Promise<SignedResponse> {
    const { autoEncrypt, datacenter, tls } = this.#d.context.config();
    if (!autoEncrypt.allowTls) {
      throw new Error('AutoEncrypt.AllowTLS must be enabled in order to use this endpoint');
    }
    if (request.Datacenter !== datacenter) {
      throw new Error(
        `mismatched datacenter (client_dc='${request.Datacenter}' server_dc='${datacenter}'); check client has same datacenter set as servers`,
      );
    }
    const issued = await this.#sign(request, true);
    const { index, value } = this.#d.roots();
    return SignedResponse.make({
      IssuedCert: issued,
      ConnectCARoots: IndexedCARoots.make({ ...value, Index: index, KnownLeader: true }),
      ManualCARoots: certificatesOf(this.#d.manualRoots()),
      VerifyServerHostname: tls.internalRpc.verifyServerHostname,
    });
  }

  async #sign(request: CASignRequest, onlyAgents = false): Promise<IssuedCert> {
    // Whoever leads might let more through than we do.
    const passesOn = () => void (onlyAgents && this.#d.authority.check(request.CSR, true));
    const here = async () =>
      IssuedCert.encodeWire(await this.#told(() => this.#d.authority.sign(request.CSR, onlyAgents)));
    return IssuedCert.decodeWire(await this.#atLeader('ConnectCA.Sign', request, here, passesOn));
  }

  /**
   * The answer of `here` when we lead, that of the leader otherwise; waits a little when there is none. `passesOn` is
   * called before the leader is asked, and may refuse.
   */
  async #atLeader(
    method: string,
    request: CASignRequest,
    here: () => Promise<Uint8Array>,
    passesOn: () => void = () => {},
  ): Promise<Uint8Array> {
    const { datacenter, rpcHoldTimeoutMs } = this.#d.context.config();
    if (request.Datacenter !== '' && request.Datacenter !== datacenter) {
      return await this.#ask(this.#d.datacenterPeer(request.Datacenter), method, request);
    }
    const { clock } = this.#d.context;
    for (const giveUpAt = clock.now() + rpcHoldTimeoutMs; ; await sleep(clock, RETRY_MS)) {
      const isReady = this.#d.roots().value.Roots.some((root) => root.Active);
      if (this.#d.leads() && isReady) return await here();
      const leader = this.#d.leads() ? undefined : this.#d.leaderPeer();
      if (leader !== undefined) {
        passesOn();
        return await this.#ask(leader, method, request);
      }
      if (clock.now() >= giveUpAt) throw noLeader();
    }
  }

  async #told<T>(sign: () => Promise<T>): Promise<T> {
    try {
      return await sign();
    } catch (error) {
      this.#d.log.debug('certificate not signed', { error: errorText(error) });
      throw error;
    }
  }

  async #ask(peer: RpcPeer, method: string, request: CASignRequest): Promise<Uint8Array> {
    const timeoutMs = this.#d.context.config().rpcClientTimeoutMs;
    try {
      return await this.#d.client.call(peer, method, CASignRequest.encodeWire(request), { timeoutMs });
    } catch (error) {
      throw callError(error);
    }
  }
}

/** Text: probed, as for the methods of the state. */
function decoded(body: Uint8Array): CASignRequest {
  try {
    return CASignRequest.decodeWire(body);
  } catch (error) {
    throw new Error(`codec.decoder: ${errorText(error)}`);
  }
}
