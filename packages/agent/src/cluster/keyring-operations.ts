import { errorText } from '@proconsul/base';
import { KeyringRequest, KeyringResponse, KeyringResponses } from '@proconsul/schema';
import type { KeyOperationResult, SerfPool } from '@proconsul/serf';

export interface KeyringDependencies {
  readonly datacenter: string;
  readonly lan: SerfPool;
  readonly wan: SerfPool | undefined;
  /** The other datacenters that are known. */
  others(): readonly string[];
  /** Carries a request to a server of another datacenter. */
  forward(datacenter: string, body: Uint8Array): Promise<Uint8Array>;
}

/** An operation on the keys of every pool within reach. Source: gossip wire, section 5 (keyring). */
export class KeyringOperations {
  readonly #d: KeyringDependencies;

  constructor(dependencies: KeyringDependencies) {
    this.#d = dependencies;
  }

  /** As `Internal.KeyringOperation` is called. */
  async call(body: Uint8Array): Promise<Uint8Array> {
    const responses = await this.run(KeyringRequest.decodeWire(body));
    return KeyringResponses.encodeWire(KeyringResponses.make({ Responses: [...responses] }));
  }

  /** The WAN first, then our datacenter, then the others. What fails is told in the answer of its pool. */
  async run(request: KeyringRequest): Promise<readonly KeyringResponse[]> {
    const { lan, wan } = this.#d;
    const answers: KeyringResponse[] = [];
    const isWide = !request.LocalOnly && !request.Forwarded;
    if (isWide && wan !== undefined) answers.push(await this.#pool(wan, true, request));
    answers.push(await this.#pool(lan, false, request));
    if (!isWide) return answers;
    const body = KeyringRequest.encodeWire({ ...request, Forwarded: true });
    const others = await Promise.all(this.#d.others().map((dc) => this.#elsewhere(dc, body)));
    return [...answers, ...others.flat()];
  }

  async #elsewhere(datacenter: string, body: Uint8Array): Promise<readonly KeyringResponse[]> {
    try {
      return KeyringResponses.decodeWire(await this.#d.forward(datacenter, body)).Responses ?? [];
    } catch (error) {
      return [KeyringResponse.make({ Datacenter: datacenter, Error: errorText(error) })];
    }
  }

  async #pool(pool: SerfPool, WAN: boolean, request: KeyringRequest): Promise<KeyringResponse> {
    const base = { WAN, Datacenter: this.#d.datacenter };
    try {
      const result = await operate(pool, request);
      return KeyringResponse.make({
        ...base,
        Messages: { ...result.messages },
        Keys: { ...result.keys },
        PrimaryKeys: { ...result.primaryKeys },
        NumNodes: result.nodes,
        Error: problem(result),
      });
    } catch (error) {
      return KeyringResponse.make({ ...base, Error: errorText(error) });
    }
  }
}

function operate(pool: SerfPool, { Operation, Key, RelayFactor }: KeyringRequest): Promise<KeyOperationResult> {
  switch (Operation) {
    case 'list':
      return pool.listKeys(RelayFactor);
    case 'install':
      return pool.installKey(Key, RelayFactor);
    case 'use':
      return pool.useKey(Key, RelayFactor);
    case 'remove':
      return pool.removeKey(Key, RelayFactor);
    default:
      throw new Error('Invalid keyring operation');
  }
}

/** Texts: recorded. */
function problem({ nodes, responses, failures }: KeyOperationResult): string {
  if (failures > 0) return `${failures}/${nodes} nodes reported failure`;
  return responses === nodes ? '' : `${responses}/${nodes} nodes reported success`;
}
