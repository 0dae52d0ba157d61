import { errorText, type Rng, seededRng, sleep } from '@proconsul/base';
import { type Consistency, KVS, Operator, type ReadMeta, type View } from '@proconsul/endpoints';
import { DirEntry, KVSRequest } from '@proconsul/schema';
import { checkRegister, type Operation } from '@proconsul/sim';
import { expect, test } from 'vitest';
import { TestCluster } from './testing/cluster.ts';

/** Seeds of every test run. */
const SEEDS = 4;
/** Virtual time with faults, and the quiet time after it in which everything has to recover. */
const FAULTS_MS = 20_000;
const QUIET_MS = 8000;
const CLIENTS = 4;
/** Real time for one seed on a machine that has much else to do. */
const TIMEOUT_MS = 120_000;
/** A stale read may be this much older than it says. */
const AGE_TOLERANCE_MS = 100;

const who = { Datacenter: '', Token: '' };

/** A run: servers that fail, clients that write each their own key and read everybody's, and what all of them saw. */
class Run {
  readonly cluster: TestCluster;
  readonly rng: Rng;
  /** By key. */
  readonly histories = new Map<string, Operation[]>();
  /** By key: when each version was acknowledged. */
  readonly acknowledged = new Map<string, number[]>();
  readonly violations: string[] = [];
  readonly counts = { writes: 0, reads: 0, stale: 0, woken: 0, faults: 0 };
  /** The newest version of each key that its watcher was told. */
  readonly watched = new Map<string, number>();
  isWriting = true;
  isOver = false;

  constructor(seed: number) {
    this.rng = seededRng(`run ${seed}`);
    this.cluster = new TestCluster({ seed, size: this.rng.float() < 0.5 ? 3 : 5 });
    for (let i = 0; i < CLIENTS; i++) {
      this.histories.set(`k${i}`, []);
      this.acknowledged.set(`k${i}`, []);
    }
  }

  get now(): number {
    return this.cluster.events.now;
  }

  key(): string {
    return `k${this.rng.int(CLIENTS)}`;
  }

  server() {
    const up = this.cluster.ids.filter((id) => this.cluster.lives.has(id) && !this.cluster.network.isPaused(id));
    return up.length === 0 ? undefined : this.cluster.life(up[this.rng.int(up.length)] as string);
  }

  pause(ms: number): Promise<void> {
    return sleep(this.cluster.clock, ms);
  }

  async client(key: string): Promise<void> {
    let version = 0;
    while (this.isWriting) {
      await this.pause(this.rng.float() * 60);
      const life = this.server();
      if (life === undefined) continue;
      if (this.rng.float() < 0.5) await this.write(key, version++);
      else await this.read(this.key(), this.rng.float() < 0.5 ? 'default' : 'consistent');
      this.staleRead(this.key());
    }
  }

  async write(key: string, version: number): Promise<void> {
    const life = this.server();
    if (life === undefined) return;
    const startedAt = this.now;
    const Value = new TextEncoder().encode(String(version));
    const request = KVSRequest.make({ Op: 'set', DirEnt: DirEntry.make({ Key: key, Value }) });
    // A server that dies never answers: its client gives up.
    const answer = life.server.write(KVS.Apply, request).then(
      () => !life.isOver,
      () => false,
    );
    const isDone = await Promise.race([answer, this.pause(10_000).then(() => false)]);
    const endedAt = isDone ? this.now : Number.POSITIVE_INFINITY;
    this.histories.get(key)?.push({ kind: 'write', value: String(version), startedAt, endedAt });
    const times = this.acknowledged.get(key) as number[];
    times[version] = isDone ? this.now : Number.POSITIVE_INFINITY;
    if (isDone) this.counts.writes++;
  }

  read(key: string, consistency: Consistency, life = this.server()): Promise<void> {
    if (life === undefined) return Promise.resolve();
    const startedAt = this.now;
    return new Promise((resolve) => {
      const timer = this.cluster.clock.after(10_000, resolve);
      const done = (error: Error | null, view: View<DirEntry | null> | null) => {
        timer.cancel();
        if (error === null && !life.isOver) {
          this.counts.reads++;
          const value = versionText(view);
          this.histories.get(key)?.push({ kind: 'read', value, startedAt, endedAt: this.now });
        }
        resolve();
      };
      life.server.read(KVS.Get, { ...who, Key: key }, { consistency, minIndex: 0, waitMs: 0 }, done);
    });
  }

  staleRead(key: string): void {
    const life = this.server();
    if (life === undefined) return;
    let isHere = true;
    const done = (error: Error | null, view: View<DirEntry | null> | null, meta: ReadMeta) => {
      // An answer that comes later was made elsewhere.
      if (error !== null || !isHere) return;
      this.counts.stale++;
      const version = Number(versionText(view) ?? -1);
      const times = this.acknowledged.get(key) as number[];
      const newerAt = Math.min(Number.POSITIVE_INFINITY, ...times.slice(version + 1));
      if (meta.lastContactMs < this.now - newerAt - AGE_TOLERANCE_MS) {
        this.violations.push(`a stale read at ${this.now} says ${meta.lastContactMs} but is ${this.now - newerAt} old`);
      }
    };
    life.server.read(KVS.Get, { ...who, Key: key }, { consistency: 'stale', minIndex: 0, waitMs: 0 }, done);
    isHere = false;
  }

  /** Waits on a key at one server after the other, like a client that goes on where the last answer left it. */
  async watcher(key: string): Promise<void> {
    let minIndex = 0;
    while (!this.isOver) {
      const life = this.server();
      if (life === undefined) {
        await this.pause(20);
        continue;
      }
      await new Promise<void>((resolve) => {
        const giveUp = this.cluster.clock.after(4000, () => {
          cancel();
          resolve();
        });
        const done = (error: Error | null, view: View<DirEntry | null> | null) => {
          giveUp.cancel();
          if (error === null && view !== null && !life.isOver) {
            if (view.index > minIndex) this.counts.woken++;
            minIndex = view.index;
            this.watched.set(key, Number(versionText(view) ?? -1));
          }
          resolve();
        };
        const options = { consistency: 'default', minIndex, waitMs: 3000 } as const;
        const cancel = life.server.read(KVS.Get, { ...who, Key: key }, options, done);
      });
      await this.pause(5);
    }
  }

  async faults(): Promise<void> {
    const until = this.now + FAULTS_MS;
    const { cluster, rng } = this;
    while (this.now < until) {
      await this.pause(200 + rng.float() * 2500);
      const id = cluster.ids[rng.int(cluster.ids.length)] as string;
      const what = rng.int(6);
      this.counts.faults++;
      if (what === 0 && cluster.lives.has(id)) cluster.crash(id);
      else if (what === 1) cluster.network.isolate(id);
      else if (what === 2) cluster.network.heal();
      else if (what === 3) {
        const leader = cluster.leader();
        if (leader !== undefined) {
          const args = { ...who, ID: '' };
          cluster
            .life(leader)
            .server.write(Operator.TransferLeader, args)
            .catch(() => undefined);
        }
      } else if (what === 5) await this.stopLeader();
      else this.restart();
    }
    cluster.network.heal();
    this.restart();
  }

  /** Stops the leader's process for a while. Clients are the first to be heard when it goes on. */
  async stopLeader(): Promise<void> {
    const { cluster } = this;
    const leader = cluster.leader();
    if (leader === undefined) return;
    cluster.network.pause(leader);
    await this.pause(500 + this.rng.float() * 4000);
    if (!cluster.network.isPaused(leader)) return;
    for (const key of this.histories.keys()) void this.read(key, 'default', cluster.life(leader));
    cluster.network.resume(leader);
  }

  /** Starts everybody who is down. */
  restart(): void {
    for (const id of this.cluster.ids)
      if (!this.cluster.lives.has(id))
        this.cluster.begin(id).catch((error) => this.violations.push(`${id}: ${errorText(error)}`));
  }
}

const versionText = (view: View<DirEntry | null> | null): string | undefined =>
  view?.value ? new TextDecoder().decode(view.value.Value as Uint8Array) : undefined;

async function simulate(seed: number): Promise<Run> {
  const run = new Run(seed);
  await run.cluster.start();
  const clients = [...run.histories.keys()].map((key) => run.client(key));
  const watchers = [...run.histories.keys()].map((key) => run.watcher(key));
  await run.cluster.settled(run.faults(), 2 * FAULTS_MS);
  await run.cluster.advance(QUIET_MS);
  run.isWriting = false;
  await run.cluster.settled(Promise.all(clients), 30_000);
  // Longer than a watcher waits for one answer.
  await run.cluster.advance(6000);
  run.isOver = true;
  await run.cluster.settled(Promise.all(watchers), 30_000);
  return run;
}

test.for(Array.from({ length: SEEDS }, (_, i) => i + 1))(
  'clients see one history while servers crash, are cut off and hand over (seed %i)',
  { timeout: TIMEOUT_MS },
  async (seed) => {
    const run = await simulate(seed);
    const { cluster } = run;
    expect(run.violations).toEqual([]);
    for (const [key, history] of run.histories) expect([key, checkRegister(history)]).toEqual([key, 'linearizable']);
    // Afterwards somebody leads, all hold the same, and nobody waits for a change that has come.
    expect(cluster.leader()).toBeDefined();
    const hashes = cluster.ids.map((id) => cluster.life(id).store.stateHash());
    expect(new Set(hashes).size).toBe(1);
    for (const key of run.histories.keys()) {
      const now = cluster.life('s1').store.kv.get(key).value;
      expect([key, run.watched.get(key)]).toEqual([key, Number(new TextDecoder().decode(now?.Value as Uint8Array))]);
    }
    // Otherwise the run would prove little.
    const { writes, reads, stale, woken, faults } = run.counts;
    expect(Math.min(writes / 5, reads / 5, stale / 10, woken / 5, faults)).toBeGreaterThan(5);
  },
);
