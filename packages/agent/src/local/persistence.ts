import {
  type AppendFile,
  type Clock,
  type Disk,
  errorText,
  fromUtf8,
  type Log,
  type Millis,
  soon,
  type Timer,
  utf8,
} from '@proconsul/base';
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
/** Ours: changes that are not in their files yet, one JSON array `[path, content or null]` a line. */
const JOURNAL = 'definitions.journal';

/** Largest definition that is read back. */
const FILE_BYTES_MAX = 4 * 1024 * 1024;

/** Changes of definitions are made durable together after this long. */
export const DURABLE_AFTER_MS: Millis = 3000;

/** While changes go on, the journal alone is made durable, until it is this old or this large. */
export const JOURNAL_AGE_MAX_MS: Millis = 30_000;
export const JOURNAL_BYTES_MAX = 32 * 1024 * 1024;

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

/** The bytes of a file; null for one that has to go. */
type Content = (() => Uint8Array) | null;

/** Keeps what was registered through the API over a restart. */
export class Persistence {
  readonly #d: PersistenceDependencies;
  /** What the files do not hold yet; null for one that has to go. */
  readonly #dirty = new Map<string, Content>();
  readonly #statePaths = new Map<string, string>();
  #timer: Timer | null = null;
  #journal: AppendFile | null = null;
  /** Lines that go into the journal together, and when they have. */
  #gathered = '';
  #noting: Promise<void> | null = null;
  /** Lines that came while the journal was being emptied: they are appended once it is. Null at other times. */
  #held: Uint8Array[] | null = null;
  /** The last line may have been written in part; an empty one after it keeps the next apart. */
  #torn = false;
  #flushing: Promise<void> | null = null;
  /** When the journal got its first line that is not in a file yet, and its last one. */
  #firstNotedAt: Millis = 0;
  #lastNotedAt: Millis = 0;

  constructor(dependencies: PersistenceDependencies) {
    this.#d = dependencies;
  }

  async prepare(): Promise<void> {
    for (const dir of [SERVICES, CHECKS, CHECK_STATE]) await this.#d.disk.mkdir(dir, 0o700);
    await this.#replayJournal();
    this.#journal = await this.#d.disk.openAppend(JOURNAL, 0o600);
    // What could not be put into its file stays in the journal, which may end in the middle of a line.
    if (this.#dirty.size === 0) await this.#emptyJournal();
    else {
      this.#torn = this.#journal.sizeBytes > 0;
      this.#plan();
    }
  }

  /** `json` is the record's, where the caller has it. */
  saveService(row: ServiceRow, json: string = NodeService.toJson(row.service)): void {
    const sidecar = row.service.LocallyRegisteredAsSidecar ? ',"LocallyRegisteredAsSidecar":true' : '';
    const text = `{"Token":${quoteJson(row.token)},"Service":${json},"Source":"${row.origin}"${sidecar}}`;
    this.#change(`${SERVICES}/${this.#d.sha256(row.service.ID)}`, text);
  }

  removeService(id: string): void {
    this.#change(`${SERVICES}/${this.#d.sha256(id)}`, null);
  }

  saveCheck(row: CheckRow): void {
    const type =
      row.definition === null ? 'null' : CheckTypeSchema.toJson(CheckTypeSchema.make(row.definition as never));
    const text = `{"Check":${HealthCheck.toJson(row.check)},"ChkType":${type},"Token":${quoteJson(row.token)},"Source":"${row.origin}"}`;
    this.#change(`${CHECKS}/${this.#d.sha256(row.check.CheckID)}`, text);
  }

  removeCheck(id: string): void {
    this.#change(`${CHECKS}/${this.#d.sha256(id)}`, null);
    this.#change(this.#statePath(id), null);
    this.#statePaths.delete(id);
  }

  saveTtl(state: PersistedCheckState): void {
    const { CheckID, Output, Status, Expires } = state;
    // Reports may come many times a second: they are written with the next flush, the last one for all.
    this.#dirty.set(this.#statePath(CheckID), () => utf8(stringifyAny({ CheckID, Output, Status, Expires })));
    this.#plan();
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
    this.#change(path, null);
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

  /**
   * Notes the change in the journal, together with all others of this moment, where it survives the end of this process, and puts
   * it into its file a little later, once for all changes until then. Replacing a file costs a flush of the disk; a line in a
   * journal does not.
   */
  #change(path: string, text: string | null): void {
    this.#dirty.set(path, text === null ? null : () => utf8(text));
    this.#gathered += `["${path}",${text}]\n`;
    this.#noting ??= new Promise((resolve) => {
      soon(this.#d.clock, () => {
        this.#noteGathered();
        resolve();
      });
    });
  }

  /** Resolves when the changes of before are in the journal, or could not be written into it. */
  async noted(): Promise<void> {
    await this.#noting;
    if (this.#held !== null) await this.#flushing;
  }

  #noteGathered(): void {
    this.#noting = null;
    if (this.#gathered === '') return;
    const lines = utf8(this.#gathered);
    this.#gathered = '';
    if (this.#held === null) this.#note([lines]);
    else this.#held.push(lines);
    this.#lastNotedAt = this.#d.clock.now();
    if (this.#journal?.sizeBytes === lines.length) this.#firstNotedAt = this.#lastNotedAt;
    this.#plan();
  }

  #note(lines: readonly Uint8Array[]): void {
    try {
      this.#journal?.append(this.#torn ? [utf8('\n'), ...lines] : lines);
      this.#torn = false;
    } catch (error) {
      this.#torn = true;
      this.#d.log.error('failed to persist', { file: JOURNAL, error: errorText(error) });
    }
  }

  /** An append while the file is cut might be cut off with the rest, so lines are held until it is done. */
  async #emptyJournal(): Promise<void> {
    if (this.#journal === null || this.#journal.sizeBytes === 0) return;
    const held: Uint8Array[] = [];
    this.#held = held;
    try {
      await this.#journal.truncate(0);
      this.#torn = false;
    } catch (error) {
      this.#d.log.error('failed to persist', { file: JOURNAL, error: errorText(error) });
    } finally {
      this.#held = null;
      if (held.length > 0) this.#note(held);
    }
  }

  #plan(): void {
    this.#timer ??= this.#d.clock.after(DURABLE_AFTER_MS, () => {
      void (this.#isJournalEnough() ? this.#flushAround() : this.flush()).then(() => {
        this.#timer = null;
        if (this.#dirty.size > 0) this.#plan();
      });
    });
  }

  /** A change for each of many services in a row would cost two flushes of the disk for each of them, again and again. */
  #isJournalEnough(): boolean {
    const now = this.#d.clock.now();
    const isBusy = now - this.#lastNotedAt < DURABLE_AFTER_MS;
    const size = this.#journal?.sizeBytes ?? 0;
    return isBusy && size > 0 && size < JOURNAL_BYTES_MAX && now - this.#firstNotedAt < JOURNAL_AGE_MAX_MS;
  }

  /** Makes the journal durable, and brings the files up to date that it does not cover. */
  async #flushAround(): Promise<void> {
    this.#noteGathered();
    try {
      await this.#journal?.sync();
    } catch (error) {
      this.#d.log.error('failed to persist', { file: JOURNAL, error: errorText(error) });
    }
    const failed = new Map<string, Content>();
    await this.#write(
      [...this.#dirty.keys()].filter((path) => path.startsWith(CHECK_STATE)),
      failed,
    );
    for (const [path, content] of failed) if (!this.#dirty.has(path)) this.#dirty.set(path, content);
  }

  /** Brings every file up to date, durably and one after the other: the flushes of the log go first. */
  flush(): Promise<void> {
    this.#flushing ??= this.#flushAll().finally(() => {
      this.#flushing = null;
    });
    return this.#flushing;
  }

  /** What cannot be written is tried again later; until then the journal keeps it. */
  async #flushAll(): Promise<void> {
    this.#noteGathered();
    const failed = new Map<string, Content>();
    while (this.#dirty.size > 0) await this.#write([...this.#dirty.keys()], failed);
    if (failed.size === 0) return this.#emptyJournal();
    for (const [path, content] of failed) this.#dirty.set(path, content);
  }

  /** Takes the changes of `paths` off the list and into their files; what fails goes into `failed`. */
  async #write(paths: readonly string[], failed: Map<string, Content>): Promise<void> {
    for (const path of paths) {
      const content = this.#dirty.get(path);
      if (content === undefined) continue;
      this.#dirty.delete(path);
      try {
        if (content === null) await this.#d.disk.remove(path);
        else await this.#d.disk.writeAtomic(path, content(), 0o600);
        failed.delete(path);
      } catch (error) {
        this.#d.log.error('failed to persist', { file: path, error: errorText(error) });
        failed.set(path, content);
      }
    }
  }
  /** Changes that an agent noted and did not live to put into their files. */
  async #replayJournal(): Promise<void> {
    let bytes: Uint8Array;
    try {
      bytes = await this.#d.disk.read(JOURNAL);
    } catch (error) {
      if ((error as { code?: string }).code !== 'ENOENT') throw error;
      return;
    }
    const lines = fromUtf8(bytes).split('\n');
    // What follows the last newline was cut off while it was written: it was never acknowledged.
    lines.pop();
    for (const line of lines) {
      if (line === '') continue;
      const change = journalLine(line);
      if (change === undefined) {
        this.#d.log.error('failed to decode file', { file: JOURNAL, error: 'a line is damaged' });
        continue;
      }
      const [path, text] = change;
      this.#dirty.set(path, text === null ? null : () => utf8(text));
    }
    await this.#flushAll();
  }
}

const JOURNALED_PATH = /^(services|checks)(\/state)?\/[0-9a-f]{64}$/;

function journalLine(line: string): [string, string | null] | undefined {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (!Array.isArray(json) || json.length !== 2) return undefined;
  const [path, content] = json as [unknown, unknown];
  if (typeof path !== 'string' || !JOURNALED_PATH.test(path)) return undefined;
  if (content === null) return [path, null];
  return isObject(content as never) ? [path, line.slice(`["${path}",`.length, -1)] : undefined;
}
