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

/** Changes of files are made durable together after this long. */
export const DURABLE_AFTER_MS: Millis = 3000;

/** While changes go on, the journal alone is made durable, until it is this old or this large. */
export const JOURNAL_AGE_MAX_MS: Millis = 30_000;
export const JOURNAL_BYTES_MAX = 32 * 1024 * 1024;

export interface JournalOptions {
  /** The journal, one JSON array `[path, content or null]` a line. */
  readonly journal: string;
  /** Which files it may speak of; other lines are damage. Each holds a JSON object. */
  readonly paths: RegExp;
  /** Files below this are written without being noted first. */
  readonly unnoted: string;
}

export interface JournalDependencies {
  readonly clock: Clock;
  readonly disk: Disk;
  readonly log: Log;
}

/** The bytes of a file; null for one that has to go. */
type Content = (() => Uint8Array) | null;

/**
 * Many small files that change often. A change is noted in a journal, where it survives the end of this process, and put into its
 * file a little later, once for all changes until then: replacing a file costs a flush of the disk, a line in a journal does not.
 */
export class JournaledFiles {
  readonly #options: JournalOptions;
  readonly #d: JournalDependencies;
  /** What the files do not hold yet; null for one that has to go. */
  readonly #dirty = new Map<string, Content>();
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

  constructor(options: JournalOptions, dependencies: JournalDependencies) {
    this.#options = options;
    this.#d = dependencies;
  }

  /** Puts into their files what was noted last time. */
  async open(): Promise<void> {
    await this.#replayJournal();
    this.#journal = await this.#d.disk.openAppend(this.#options.journal, 0o600);
    // What could not be put into its file stays in the journal, which may end in the middle of a line.
    if (this.#dirty.size === 0) await this.#emptyJournal();
    else {
      this.#torn = this.#journal.sizeBytes > 0;
      this.#plan();
    }
  }

  /** Notes the new content of a file, together with all other changes of this moment; null removes it. */
  change(path: string, text: string | null): void {
    this.#dirty.set(path, text === null ? null : () => utf8(text));
    this.#gathered += `["${path}",${text}]\n`;
    this.#noting ??= new Promise((resolve) => {
      soon(this.#d.clock, () => {
        this.#noteGathered();
        resolve();
      });
    });
  }

  /** The same without a note: for what may be lost with the process, and changes so often that only the last content counts. */
  changeUnnoted(path: string, content: () => Uint8Array): void {
    this.#dirty.set(path, content);
    this.#plan();
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
      this.#d.log.error('failed to persist', { file: this.#options.journal, error: errorText(error) });
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
      this.#d.log.error('failed to persist', { file: this.#options.journal, error: errorText(error) });
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
      this.#d.log.error('failed to persist', { file: this.#options.journal, error: errorText(error) });
    }
    const failed = new Map<string, Content>();
    await this.#write(
      [...this.#dirty.keys()].filter((path) => path.startsWith(this.#options.unnoted)),
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
      bytes = await this.#d.disk.read(this.#options.journal);
    } catch (error) {
      if ((error as { code?: string }).code !== 'ENOENT') throw error;
      return;
    }
    const lines = fromUtf8(bytes).split('\n');
    // What follows the last newline was cut off while it was written: it was never acknowledged.
    lines.pop();
    for (const line of lines) {
      if (line === '') continue;
      const change = journalLine(line, this.#options.paths);
      if (change === undefined) {
        this.#d.log.error('failed to decode file', { file: this.#options.journal, error: 'a line is damaged' });
        continue;
      }
      const [path, text] = change;
      this.#dirty.set(path, text === null ? null : () => utf8(text));
    }
    await this.#flushAll();
  }
}

function journalLine(line: string, paths: RegExp): [string, string | null] | undefined {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (!Array.isArray(json) || json.length !== 2) return undefined;
  const [path, content] = json as [unknown, unknown];
  if (typeof path !== 'string' || !paths.test(path)) return undefined;
  if (content === null) return [path, null];
  return typeof content === 'object' && !Array.isArray(content)
    ? [path, line.slice(`["${path}",`.length, -1)]
    : undefined;
}
