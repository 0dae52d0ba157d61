import { type Disk, errorText, fromUtf8, type Log, utf8 } from '@proconsul/base';
import {
  type CheckType,
  checkType,
  isPersistedFresh,
  type PersistedCheckState,
  persistedCheckState,
} from '@proconsul/checks';
import { parseJson, quoteJson, stringifyAny } from '@proconsul/gojson';
import { CheckType as CheckTypeSchema, HealthCheck, isObject, NodeService } from '@proconsul/schema';
import type { CheckRow, Origin, ServiceRow } from './state.ts';

// The layout of the data directory is Consul's: operators and tools read it. Source: data directory documentation.
const SERVICES = 'services';
const CHECKS = 'checks';
const CHECK_STATE = 'checks/state';

/** Largest definition that is read back. */
const FILE_BYTES_MAX = 4 * 1024 * 1024;

export interface PersistenceDependencies {
  readonly disk: Disk;
  readonly log: Log;
  sha256(text: string): string;
}

export interface LoadedService {
  readonly service: NodeService;
  readonly token: string;
  readonly origin: Origin;
}

export interface LoadedCheck {
  readonly check: HealthCheck;
  readonly definition: CheckType | null;
  readonly token: string;
  readonly origin: Origin;
}

/** Keeps what was registered through the API over a restart. Writes are in order for each file. */
export class Persistence {
  readonly #d: PersistenceDependencies;
  readonly #queues = new Map<string, Promise<void>>();

  constructor(dependencies: PersistenceDependencies) {
    this.#d = dependencies;
  }

  async prepare(): Promise<void> {
    for (const dir of [SERVICES, CHECKS, CHECK_STATE]) await this.#d.disk.mkdir(dir, 0o700);
  }

  saveService(row: ServiceRow): Promise<void> {
    const text = `{"Token":${quoteJson(row.token)},"Service":${NodeService.toJson(row.service)},"Source":"${row.origin}"}`;
    return this.#write(`${SERVICES}/${this.#d.sha256(row.service.ID)}`, text);
  }

  removeService(id: string): Promise<void> {
    return this.#remove(`${SERVICES}/${this.#d.sha256(id)}`);
  }

  saveCheck(row: CheckRow): Promise<void> {
    const type =
      row.definition === null ? 'null' : CheckTypeSchema.toJson(CheckTypeSchema.make(row.definition as never));
    const text = `{"Check":${HealthCheck.toJson(row.check)},"ChkType":${type},"Token":${quoteJson(row.token)},"Source":"${row.origin}"}`;
    return this.#write(`${CHECKS}/${this.#d.sha256(row.check.CheckID)}`, text);
  }

  async removeCheck(id: string): Promise<void> {
    await this.#remove(`${CHECKS}/${this.#d.sha256(id)}`);
    await this.#remove(`${CHECK_STATE}/${this.#d.sha256(id)}`);
  }

  saveTtl(state: PersistedCheckState): Promise<void> {
    const { CheckID, Output, Status, Expires } = state;
    return this.#write(`${CHECK_STATE}/${this.#d.sha256(CheckID)}`, stringifyAny({ CheckID, Output, Status, Expires }));
  }

  /** The kept state of a TTL check, if its time has not passed. */
  async ttl(id: string, wallMs: number): Promise<PersistedCheckState | undefined> {
    const path = `${CHECK_STATE}/${this.#d.sha256(id)}`;
    const json = await this.#readJson(path);
    const state = persistedCheckState(json);
    if (state === undefined) return undefined;
    if (isPersistedFresh(state, wallMs)) return state;
    await this.#remove(path);
    return undefined;
  }

  async services(): Promise<LoadedService[]> {
    const out: LoadedService[] = [];
    for (const name of await this.#d.disk.list(SERVICES)) {
      if (name.includes('.')) continue;
      const json = await this.#readJson(`${SERVICES}/${name}`);
      if (json === undefined || !isObject(json as never)) continue;
      const row = json as Record<string, unknown>;
      const service = NodeService.decode((row['Service'] ?? null) as never);
      if (service.ID === '') continue;
      out.push({ service, token: String(row['Token'] ?? ''), origin: row['Source'] === 'local' ? 'local' : 'remote' });
    }
    return out;
  }

  async checks(): Promise<LoadedCheck[]> {
    const out: LoadedCheck[] = [];
    for (const name of await this.#d.disk.list(CHECKS)) {
      if (name === 'state' || name.includes('.')) continue;
      const json = await this.#readJson(`${CHECKS}/${name}`);
      if (json === undefined || !isObject(json as never)) continue;
      const row = json as Record<string, unknown>;
      const check = HealthCheck.decode((row['Check'] ?? null) as never);
      if (check.CheckID === '') continue;
      const type = row['ChkType'] ?? null;
      const definition = type === null ? null : checkType(CheckTypeSchema.decode(type as never));
      out.push({
        check,
        definition,
        token: String(row['Token'] ?? ''),
        origin: row['Source'] === 'local' ? 'local' : 'remote',
      });
    }
    return out;
  }

  /** A file that cannot be used is named in the log and left where it is: it may be all that somebody has. */
  async #readJson(path: string): Promise<unknown> {
    let bytes: Uint8Array;
    try {
      bytes = await this.#d.disk.read(path);
    } catch (error) {
      if ((error as { code?: string }).code === 'ENOENT') return undefined;
      this.#d.log.error('Unable to read file', { file: path, error: errorText(error) });
      return undefined;
    }
    try {
      if (bytes.length > FILE_BYTES_MAX) throw new Error(`more than ${FILE_BYTES_MAX} bytes`);
      return parseJson(fromUtf8(bytes));
    } catch (error) {
      this.#d.log.error('failed to decode file', { file: path, error: errorText(error) });
      return undefined;
    }
  }

  #write(path: string, text: string): Promise<void> {
    return this.#inOrder(path, () => this.#d.disk.writeAtomic(path, utf8(text), 0o600));
  }

  #remove(path: string): Promise<void> {
    return this.#inOrder(path, () => this.#d.disk.remove(path));
  }

  #inOrder(path: string, work: () => Promise<void>): Promise<void> {
    const before = this.#queues.get(path) ?? Promise.resolve();
    const next = before.then(work).catch((error) => {
      this.#d.log.error('failed to persist', { file: path, error: errorText(error) });
    });
    this.#queues.set(path, next);
    next.then(() => {
      if (this.#queues.get(path) === next) this.#queues.delete(path);
    });
    return next;
  }
}
