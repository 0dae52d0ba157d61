import {
  type AppendFile,
  type Clock,
  type Disk,
  DiskError,
  errorText,
  fromUtf8,
  type Log,
  ProtocolError,
  sleep,
  utf8,
} from '@proconsul/base';
import type { Configuration } from '../configuration.ts';
import { DamageError } from '../errors.ts';
import { crc32c } from './crc32c.ts';

/** What a snapshot says about itself. `id` is TERM-INDEX-MILLIS. */
export interface SnapshotMeta {
  readonly id: string;
  readonly index: number;
  readonly term: number;
  readonly configuration: Configuration;
  readonly configurationIndex: number;
  readonly sizeBytes: number;
  /** CRC-32C of state.bin. */
  readonly checksum: number;
}

/** Snapshots kept. Source: lifecycle of the data directory: the two newest. */
export const SNAPSHOTS_KEPT = 2;

/** State is written in pieces of this size, with a pause between them so that the event loop stays free. */
const SLICE_BYTES = 1024 * 1024;

const TEMPORARY = '.tmp';

export interface SnapshotSource {
  readonly index: number;
  readonly term: number;
  readonly configuration: Configuration;
  readonly configurationIndex: number;
}

/**
 * Snapshots on the disk: `DIRECTORY/TERM-INDEX-MILLIS/{meta.json,state.bin}`, with `.tmp` after the name while in progress.
 */
export class SnapshotStore {
  readonly #directory: string;
  readonly #disk: Disk;
  readonly #clock: Clock;
  readonly #log: Log;
  #metas: SnapshotMeta[] = [];
  #writing = 0;
  #publishing: Promise<unknown> = Promise.resolve();

  private constructor(directory: string, deps: { readonly disk: Disk; readonly clock: Clock; readonly log: Log }) {
    this.#directory = directory;
    this.#disk = deps.disk;
    this.#clock = deps.clock;
    this.#log = deps.log;
  }

  /** Lists what is there and removes what was never finished. A damaged newest meta.json is an error that names the file. */
  static async open(
    directory: string,
    deps: { readonly disk: Disk; readonly clock: Clock; readonly log: Log },
  ): Promise<SnapshotStore> {
    const store = new SnapshotStore(directory, deps);
    await deps.disk.mkdir(directory);
    const names: string[] = [];
    for (const name of await deps.disk.list(directory)) {
      if (name.endsWith(TEMPORARY)) await deps.disk.remove(`${directory}/${name}`);
      else if (parseId(name)) names.push(name);
    }
    names.sort((a, b) => compareIds(parseId(a)!, parseId(b)!));
    for (const [i, name] of names.entries()) {
      try {
        store.#metas.push(await store.#readMeta(name));
      } catch (error) {
        if (i === names.length - 1 || !(error instanceof DamageError)) throw error;
        deps.log.error('an older snapshot is damaged and ignored', { path: error.path, error: error.message });
      }
    }
    return store;
  }

  /** The newest one. */
  get latest(): SnapshotMeta | undefined {
    return this.#metas[this.#metas.length - 1];
  }

  list(): readonly SnapshotMeta[] {
    return this.#metas;
  }

  /** The state, verified. Throws DamageError when it does not match its checksum. */
  async read(meta: SnapshotMeta): Promise<Uint8Array> {
    const path = `${this.#directory}/${meta.id}/state.bin`;
    const bytes = await this.#disk.read(path);
    if (bytes.length !== meta.sizeBytes) {
      throw new DamageError(
        path,
        Math.min(bytes.length, meta.sizeBytes),
        `${bytes.length} bytes instead of ${meta.sizeBytes}`,
      );
    }
    if (crc32c(bytes) !== meta.checksum) throw new DamageError(path, 0, 'checksum mismatch');
    return bytes;
  }

  /**
   * Writes a snapshot and makes it durable, then removes older ones. On any failure nothing is left of it and the error is
   * thrown on: DiskError, or what `chunks` throws; ProtocolError when they are not `sizeBytes` long, where that is given.
   */
  async write(
    source: SnapshotSource,
    chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
    sizeBytes?: number,
  ): Promise<SnapshotMeta> {
    const id = this.#freeId(source);
    // Two writers at the same moment (a snapshot of ours and one from the leader) must not meet in one directory.
    const temporary = `${this.#directory}/${id}-${this.#writing++}${TEMPORARY}`;
    try {
      await this.#disk.mkdir(temporary);
      const state = await this.#writeState(`${temporary}/state.bin`, chunks);
      if (sizeBytes !== undefined && state.sizeBytes !== sizeBytes) {
        throw new ProtocolError('SNAPSHOT_SIZE', `snapshot of ${state.sizeBytes} bytes instead of ${sizeBytes}`);
      }
      const meta: SnapshotMeta = { id, ...source, ...state };
      await this.#disk.writeAtomic(`${temporary}/meta.json`, encodeMeta(meta));
      await this.#disk.syncDir(temporary);
      const published = this.#publishing.then(() => this.#publish(temporary, meta));
      this.#publishing = published.catch(() => undefined);
      return await published;
    } catch (error) {
      await this.#disk.remove(temporary).catch(() => undefined);
      throw error;
    }
  }

  /** The time is for people: a clock that stands still, or was set back, must not make two names one. */
  #freeId({ term, index }: SnapshotSource): string {
    const name = (millis: number): string => `${term}-${index}-${millis}`;
    let millis = Math.floor(this.#clock.wallMs());
    while (this.#metas.some((m) => m.id === name(millis))) millis++;
    return name(millis);
  }

  /** One at a time. Of two that are the same in everything but the name, the first one stays. */
  async #publish(temporary: string, meta: SnapshotMeta): Promise<SnapshotMeta> {
    const same = this.#metas.find((m) => isSame(m, meta));
    if (same) {
      await this.#disk.remove(temporary);
      return same;
    }
    const final = `${this.#directory}/${meta.id}`;
    await this.#disk.remove(final);
    await this.#disk.rename(temporary, final);
    await this.#disk.syncDir(this.#directory);
    this.#metas = [...this.#metas, meta].sort(byAge);
    await this.#reap();
    return meta;
  }

  /** Removes a snapshot that must not be used. */
  async discard(meta: SnapshotMeta): Promise<void> {
    this.#metas = this.#metas.filter((m) => m.id !== meta.id);
    await this.#removeDirectory(meta.id);
  }

  async #writeState(
    path: string,
    chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  ): Promise<{ sizeBytes: number; checksum: number }> {
    const file: AppendFile = await this.#disk.openAppend(path);
    let checksum = 0;
    let sizeBytes = 0;
    let sinceYield = 0;
    try {
      for await (const chunk of chunks) {
        checksum = crc32c(chunk, checksum);
        sizeBytes += chunk.length;
        sinceYield += chunk.length;
        file.append([chunk]);
        if (sinceYield < SLICE_BYTES) continue;
        sinceYield = 0;
        await this.#pause();
      }
      await file.sync();
    } finally {
      await file.close();
    }
    return { sizeBytes, checksum };
  }

  /** Lets others work, and no longer than that where the clock can. */
  #pause(): Promise<void> {
    const clock = this.#clock;
    return clock.soon ? new Promise((resolve) => clock.soon?.(resolve)) : sleep(clock, 0);
  }

  async #reap(): Promise<void> {
    while (this.#metas.length > SNAPSHOTS_KEPT) {
      const { id } = this.#metas.shift()!;
      try {
        await this.#removeDirectory(id);
      } catch (error) {
        this.#log.warn('failed to remove an old snapshot', { id, error: errorText(error) });
      }
    }
  }

  /** Half removed it would look damaged, so it first becomes one that was never finished. */
  async #removeDirectory(id: string): Promise<void> {
    const doomed = `${this.#directory}/${id}${TEMPORARY}`;
    await this.#disk.rename(`${this.#directory}/${id}`, doomed);
    await this.#disk.syncDir(this.#directory);
    await this.#disk.remove(doomed);
  }

  async #readMeta(name: string): Promise<SnapshotMeta> {
    const path = `${this.#directory}/${name}/meta.json`;
    let text: string;
    try {
      text = fromUtf8(await this.#disk.read(path));
    } catch (error) {
      if (error instanceof DiskError && error.code === 'ENOENT') throw new DamageError(path, 0, 'the file is missing');
      throw error;
    }
    const newline = text.indexOf('\n');
    const line = text.slice(0, newline);
    if (newline < 0 || text.slice(newline + 1) !== checksumLine(line))
      throw new DamageError(path, 0, 'checksum mismatch');
    const meta = decodeMeta(JSON.parse(line));
    if (meta.id !== name) throw new DamageError(path, 0, `belongs to snapshot ${meta.id}`);
    return meta;
  }
}

const checksumLine = (line: string): string => `crc32c ${crc32c(utf8(line)).toString(16).padStart(8, '0')}\n`;

function encodeMeta(meta: SnapshotMeta): Uint8Array {
  const line = metaLine(meta);
  return utf8(`${line}\n${checksumLine(line)}`);
}

const metaLine = (meta: SnapshotMeta): string =>
  JSON.stringify({
    Version: 1,
    ID: meta.id,
    Index: meta.index,
    Term: meta.term,
    Configuration: {
      Servers: meta.configuration.servers.map((s) => ({ Suffrage: s.suffrage, ID: s.id, Address: s.address })),
    },
    ConfigurationIndex: meta.configurationIndex,
    Size: meta.sizeBytes,
    Checksum: meta.checksum,
  });

/** The checksum has vouched for the shape. */
function decodeMeta(json: {
  ID: string;
  Index: number;
  Term: number;
  Configuration: { Servers: { Suffrage: 'voter' | 'nonvoter' | 'staging'; ID: string; Address: string }[] };
  ConfigurationIndex: number;
  Size: number;
  Checksum: number;
}): SnapshotMeta {
  const servers = json.Configuration.Servers.map((s) => ({ id: s.ID, address: s.Address, suffrage: s.Suffrage }));
  return {
    id: json.ID,
    index: json.Index,
    term: json.Term,
    configuration: { servers },
    configurationIndex: json.ConfigurationIndex,
    sizeBytes: json.Size,
    checksum: json.Checksum,
  };
}

/** Term, index and time of a snapshot's name; undefined for another name. */
export function parseId(name: string): [number, number, number] | undefined {
  const match = /^(\d{1,16})-(\d{1,16})-(\d{1,16})$/.exec(name);
  return match ? [Number(match[1]), Number(match[2]), Number(match[3])] : undefined;
}

/** By age. */
export const compareIds = (a: readonly number[], b: readonly number[]): number =>
  a[0]! - b[0]! || a[1]! - b[1]! || a[2]! - b[2]!;

const isSame = (a: SnapshotMeta, b: SnapshotMeta): boolean =>
  a.index === b.index && a.term === b.term && metaLine({ ...a, id: '' }) === metaLine({ ...b, id: '' });

const byAge = (a: SnapshotMeta, b: SnapshotMeta): number => compareIds(parseId(a.id)!, parseId(b.id)!);
