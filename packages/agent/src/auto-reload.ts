import { type FSWatcher, statSync, watch } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { Clock, Log, Timer } from '@proconsul/base';
import type { RuntimeConfig } from '@proconsul/config';

/** Changes within this time are one reload. Source: configuration reference. */
export const COALESCE_MS = 1000;

/** What `auto_reload_config` looks at: configuration files and directories, and the files of certificates. */
export function watchedPaths(config: RuntimeConfig): string[] {
  const { https, grpc, internalRpc } = config.tls;
  const material = [https, grpc, internalRpc].flatMap((t) => [t.caFile, t.caPath, t.certFile, t.keyFile]);
  return [...new Set([...config.configFiles, ...material].filter((path) => path !== '').map((path) => resolve(path)))];
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

/**
 * Tells of changes to files and directories: once {@link COALESCE_MS} after the first of several, with their number.
 * A file is watched through its directory, so that one which is replaced or moved into place is seen. Entries of `..` links,
 * as mounted configuration maps have them, count for every file beside them.
 */
export class PathWatch {
  readonly #clock: Clock;
  readonly #changed: (events: number) => void;
  #watchers: FSWatcher[] = [];
  #timer: Timer | null = null;
  #events = 0;

  constructor(clock: Clock, changed: (events: number) => void) {
    this.#clock = clock;
    this.#changed = changed;
  }

  /** Watches these from now on, in place of the former ones. Answers the paths that cannot be watched. */
  set(paths: readonly string[]): string[] {
    this.#unwatch();
    const names = new Map<string, Set<string> | null>();
    for (const path of paths) {
      if (isDirectory(path)) names.set(path, null);
      else if (names.get(dirname(path)) !== null) {
        names.set(dirname(path), (names.get(dirname(path)) ?? new Set()).add(basename(path)));
      }
    }
    const failed: string[] = [];
    for (const [directory, files] of names) {
      try {
        const watcher = watch(directory, (_, name) => this.#saw(files, name));
        watcher.on('error', () => watcher.close());
        this.#watchers.push(watcher);
      } catch {
        failed.push(...(files === null ? [directory] : [...files].map((file) => join(directory, file))));
      }
    }
    return failed;
  }

  close(): void {
    this.#unwatch();
    this.#timer?.cancel();
    this.#timer = null;
  }

  #saw(files: Set<string> | null, name: string | null): void {
    if (files !== null && name !== null && !name.startsWith('..') && !files.has(name)) return;
    this.#events++;
    this.#timer ??= this.#clock.after(COALESCE_MS, () => {
      const events = this.#events;
      this.#timer = null;
      this.#events = 0;
      this.#changed(events);
    });
  }

  #unwatch(): void {
    for (const watcher of this.#watchers) watcher.close();
    this.#watchers = [];
  }
}

const NOT_APPLIED =
  "Changes to your configuration were detected that for security reasons cannot be automatically applied by 'auto_reload_config'. Manually reload your configuration (e.g. with 'consul reload') to apply these changes.";

const VERIFY = ['verifyIncoming', 'verifyOutgoing', 'verifyServerHostname'] as const;
const PROTOCOLS = ['internalRpc', 'https', 'grpc'] as const;
const GOSSIP = ['encryptVerifyIncoming', 'encryptVerifyOutgoing'] as const;

/** The new configuration, with what only a reload by hand may change as it was. Source: recorded logs. */
export function keepingSafe(next: RuntimeConfig, present: RuntimeConfig, log: Pick<Log, 'warn'>): RuntimeConfig {
  const tls = { ...next.tls };
  for (const protocol of PROTOCOLS) {
    const [before, after] = [present.tls[protocol], next.tls[protocol]];
    const changed = VERIFY.filter((key) => before[key] !== after[key]);
    if (changed.length === 0) continue;
    log.warn(NOT_APPLIED, { protocol, settings: changed.join(' ') });
    const kept = Object.fromEntries(VERIFY.map((key) => [key, before[key]]));
    tls[protocol] = { ...after, ...kept };
  }
  const changed = GOSSIP.filter((key) => present[key] !== next[key]);
  if (changed.length > 0) log.warn(NOT_APPLIED, { settings: changed.join(' ') });
  const gossip = Object.fromEntries(GOSSIP.map((key) => [key, present[key]]));
  return { ...next, tls, ...gossip };
}
