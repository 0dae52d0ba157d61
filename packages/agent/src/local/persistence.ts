import { type Clock, type Disk, errorText, fromUtf8, type Log, utf8 } from '@proconsul/base';
import {
  type CheckType,
  checkType,
  isPersistedFresh,
  type PersistedCheckState,
  persistedCheckState,
} from '@proconsul/checks';
import { parseJson, quoteJson, stringifyAny } from '@proconsul/gojson';
import { CheckType as CheckTypeSchema, HealthCheck, isObject, NodeService } from '@proconsul/schema';
import { JournaledFiles } from './journaled-files.ts';
import type { CheckRow, Origin, ServiceRow } from './state.ts';

// The layout of the data directory is Consul's: operators and tools read it. Source: data directory documentation.
const SERVICES = 'services';
const CHECKS = 'checks';
const CHECK_STATE = 'checks/state';
/** Ours: changes that are not in their files yet. */
const JOURNAL = 'definitions.journal';
const JOURNALED_PATH = /^(services|checks)(\/state)?\/[0-9a-f]{64}$/;

/** Largest definition that is read back. */
const FILE_BYTES_MAX = 4 * 1024 * 1024;

export interface PersistenceDependencies {
  readonly clock: Clock;
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

/** Keeps what was registered through the API over a restart. */
export class Persistence {
  readonly #d: PersistenceDependencies;
  readonly #files: JournaledFiles;
  readonly #statePaths = new Map<string, string>();

  constructor(dependencies: PersistenceDependencies) {
    this.#d = dependencies;
    this.#files = new JournaledFiles({ journal: JOURNAL, paths: JOURNALED_PATH, unnoted: CHECK_STATE }, dependencies);
  }

  async prepare(): Promise<void> {
    for (const dir of [SERVICES, CHECKS, CHECK_STATE]) await this.#d.disk.mkdir(dir, 0o700);
    await this.#files.open();
  }

  /** Resolves when the changes of before are in the journal, or could not be written into it. */
  noted(): Promise<void> {
    return this.#files.noted();
  }

  /** Brings every file up to date, durably. */
  flush(): Promise<void> {
    return this.#files.flush();
  }

  /** `json` is the record's, where the caller has it. */
  saveService(row: ServiceRow, json: string = NodeService.toJson(row.service)): void {
    const sidecar = row.service.LocallyRegisteredAsSidecar ? ',"LocallyRegisteredAsSidecar":true' : '';
    const text = `{"Token":${quoteJson(row.token)},"Service":${json},"Source":"${row.origin}"${sidecar}}`;
    this.#files.change(`${SERVICES}/${this.#d.sha256(row.service.ID)}`, text);
  }

  removeService(id: string): void {
    this.#files.change(`${SERVICES}/${this.#d.sha256(id)}`, null);
  }

  saveCheck(row: CheckRow): void {
    const type =
      row.definition === null ? 'null' : CheckTypeSchema.toJson(CheckTypeSchema.make(row.definition as never));
    const text = `{"Check":${HealthCheck.toJson(row.check)},"ChkType":${type},"Token":${quoteJson(row.token)},"Source":"${row.origin}"}`;
    this.#files.change(`${CHECKS}/${this.#d.sha256(row.check.CheckID)}`, text);
  }

  removeCheck(id: string): void {
    this.#files.change(`${CHECKS}/${this.#d.sha256(id)}`, null);
    this.#files.change(this.#statePath(id), null);
    this.#statePaths.delete(id);
  }

  saveTtl(state: PersistedCheckState): void {
    const { CheckID, Output, Status, Expires } = state;
    // Reports may come many times a second: they are written with the next flush, the last one for all.
    this.#files.changeUnnoted(this.#statePath(CheckID), () => utf8(stringifyAny({ CheckID, Output, Status, Expires })));
  }

  #statePath(checkId: string): string {
    let path = this.#statePaths.get(checkId);
    if (path === undefined) {
      path = `${CHECK_STATE}/${this.#d.sha256(checkId)}`;
      this.#statePaths.set(checkId, path);
    }
    return path;
  }

  /** The kept state of a TTL check, if its time has not passed. */
  async ttl(id: string, wallMs: number): Promise<PersistedCheckState | undefined> {
    const path = `${CHECK_STATE}/${this.#d.sha256(id)}`;
    const json = await this.#readJson(path);
    const state = persistedCheckState(json);
    if (state === undefined) return undefined;
    if (isPersistedFresh(state, wallMs)) return state;
    this.#files.change(path, null);
    return undefined;
  }

  async services(): Promise<LoadedService[]> {
    const out: LoadedService[] = [];
    for (const name of await this.#d.disk.list(SERVICES)) {
      if (name.includes('.')) continue;
      const json = await this.#readJson(`${SERVICES}/${name}`);
      if (json === undefined || !isObject(json as never)) continue;
      const row = json as Record<string, unknown>;
      const LocallyRegisteredAsSidecar = row['LocallyRegisteredAsSidecar'] === true;
      const service = { ...NodeService.decode((row['Service'] ?? null) as never), LocallyRegisteredAsSidecar };
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
}
