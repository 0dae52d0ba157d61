import { mulberry32 } from '../e2e/random.ts';
import type { Load } from './load.ts';
import type { Machine } from './machine.ts';
import { LISTS, ListHistory, ListWorker } from './work/lists.ts';
import { FenceReader, LOCKS, LockHistory, LockWorker } from './work/locks.ts';
import { NameWorker } from './work/names.ts';
import { StaleProbe, WriteProbe } from './work/probes.ts';
import { REGISTERS, RegisterHistory, RegisterWorker } from './work/registers.ts';
import { SERVICE, ServiceHistory, ServiceWorker } from './work/services.ts';
import { Watcher } from './work/watcher.ts';
import type { Worker } from './work/worker.ts';

const REGISTER_WORKERS = 7;
const LIST_WORKERS = 3;
const LOCK_WORKERS = 4;

/** All programs that use the cluster in one run, and what they have seen. */
export class Programs {
  readonly registers = new RegisterHistory();
  readonly lists = new ListHistory();
  readonly locks = new LockHistory();
  readonly ports = new ServiceHistory();
  readonly writes: WriteProbe;
  readonly stale: readonly StaleProbe[];
  readonly services: readonly ServiceWorker[];
  readonly names: NameWorker;
  readonly watchers: readonly Watcher[];
  readonly workers: readonly Worker[];

  constructor(load: Load, servers: readonly Machine[], clients: readonly Machine[], seed: number) {
    let n = 0;
    const random = () => mulberry32(seed * 1000 + n++);
    const times = <T>(count: number, make: () => T): T[] => Array.from({ length: count }, make);
    this.writes = new WriteProbe(load, random());
    this.stale = servers.map((m) => new StaleProbe(load, random(), m));
    this.services = clients.map((m) => new ServiceWorker(load, random(), m, this.ports));
    this.names = new NameWorker(load, random());
    this.workers = [
      this.writes,
      ...this.stale,
      ...this.services,
      this.names,
      ...times(REGISTER_WORKERS, () => new RegisterWorker(load, random(), this.registers)),
      ...times(LIST_WORKERS, () => new ListWorker(load, random(), this.lists)),
      ...times(LOCK_WORKERS, () => new LockWorker(load, random(), this.locks)),
      new FenceReader(load, random(), this.locks),
    ];
    this.watchers = watchers(servers, clients);
  }

  /** Before each fault. */
  begin(): void {
    for (const probe of this.stale) probe.begin();
    for (const watcher of this.watchers) watcher.begin();
    this.names.answered = 0;
  }

  counts(): { readonly writes: number; readonly operations: number } {
    const { writes, registers, lists, locks } = this;
    const operations = registers.ops.length + lists.appends.length + lists.reads.length + locks.grants.length;
    return { writes: writes.acknowledged.size, operations };
  }

  /** As text, for whoever wants to know what happened. One operation a line. */
  history(): string {
    const { registers, lists, locks, watchers } = this;
    const all: readonly [string, readonly object[]][] = [
      ['register', registers.ops],
      ['append', lists.appends],
      ['list', lists.reads],
      ['lock', locks.grants],
      ['fence', locks.fenced],
      ['watcher', watchers.map(({ name, indexes, last }) => ({ name, indexes, last }))],
    ];
    return all.flatMap(([what, rows]) => rows.map((row) => JSON.stringify({ what, ...row }))).join('\n');
  }
}

/** Each question is watched at one agent of each sort. */
function watchers(servers: readonly Machine[], clients: readonly Machine[]): Watcher[] {
  const [key] = REGISTERS as [string];
  const paths = [`/v1/kv/${key}`, '/v1/kv/list/?recurse', `/v1/health/service/${SERVICE}`, `/v1/kv/${LOCKS[0]}`];
  return paths.flatMap((path, i) => {
    const at = (of: readonly Machine[]) => of[i % of.length] as Machine;
    return [
      new Watcher(at(servers), path, false),
      new Watcher(at(clients), path, false),
      new Watcher(at([...servers].reverse()), path, true),
    ];
  });
}

export { LISTS };
