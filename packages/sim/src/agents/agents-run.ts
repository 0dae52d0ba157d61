import { type Millis, type Rng, seededRng } from '@proconsul/base';
import { SimulationFailure, Trace } from '../raft/failure.ts';
import { DamageStory } from './damage.ts';
import { Fate } from './fate.ts';
import { Oracle } from './oracle.ts';
import { pick, Scene } from './scene.ts';
import { unsettled } from './settled.ts';
import { realPause } from './turns.ts';
import { DiscoveryWorker } from './work/discovery.ts';
import { FarWorker } from './work/far.ts';
import { Beliefs, LockWorker } from './work/locks.ts';
import { FlickerWorker, PairWorker } from './work/pairs.ts';
import { entryOf, Registers, RegisterWorker, StaleReader } from './work/registers.ts';
import { LateRenewer } from './work/renewers.ts';
import { ServiceWorker } from './work/services.ts';
import { Watcher } from './work/watchers.ts';
import type { Job, Worker } from './work/worker.ts';

export interface AgentsRunOptions {
  readonly seed: number;
  /** Default 3. */
  readonly servers?: number;
  /** Things that go wrong. */
  readonly steps?: number;
  readonly sink?: (line: string) => void;
}

export interface AgentsRunResult {
  readonly seed: number;
  /** Of everything that happened. */
  readonly hash: string;
  readonly events: number;
  readonly virtualMs: Millis;
  readonly faults: number;
  readonly starts: number;
  /** What clients did: writes, reads, locks, wakes, ... */
  readonly counts: Readonly<Record<string, number>>;
}

export const AGENT_STEPS_DEFAULT = 20;
export const AGENT_STEPS_MAX = 10_000;

const REGISTERS = ['r0', 'r1', 'r2'];
const LOCKS = ['lock/a', 'lock/b'];
const TARGETS = [
  ...REGISTERS.map((key) => `/v1/kv/${key}`),
  '/v1/kv/d/?recurse',
  '/v1/kv/d/?keys',
  '/v1/kv/d/x',
  '/v1/health/service/web?passing',
  '/v1/health/service/web',
  '/v1/health/state/critical',
  '/v1/catalog/services',
  '/v1/catalog/nodes',
  '/v1/session/list',
];
const WATCHERS = 12;

/** A run has a second datacenter when its seed is a multiple of this. */
const FAR_EVERY = 4;
/** A run has a damaged disk when its seed is a multiple of this. */
const DAMAGE_EVERY = 3;

/** A cluster must be there and answer within this time, at the start and after everything is healed. */
const BACK_WITHIN_MS: Millis = 60_000;
/** Requests under way end within this time. */
const CLIENTS_END_MS: Millis = 30_000;
/** Everything is as it should be within this time: agents compare themselves with the catalog every one to two minutes. */
const SETTLED_WITHIN_MS: Millis = 300_000;
/** A change has reached whoever waits for it, in a cluster that is well. */
const WOKEN_WITHIN_MS: Millis = 3000;
/** An agent that died is known to be dead. Source: measured with pools of this size, with time to spare. */
const MISSED_WITHIN_MS: Millis = 30_000;
/** Watchers are looked at so often, and must once have seen all. */
const WATCH_ROUNDS = 15;
const WATCH_ROUND_MS: Millis = 1000;

/**
 * One run of whole agents: servers and clients of the product, with their gossip, calls, files and HTTP front, on a network, on
 * disks and clocks that fail, and programs that use them by HTTP. Throws SimulationFailure when a promise is broken.
 */
export async function runAgents(options: AgentsRunOptions): Promise<AgentsRunResult> {
  await warmUp();
  const run = new AgentsRun(options);
  const onRejection = (error: unknown): void => run.scene.fail(error as Error);
  process.on('unhandledRejection', onRejection);
  try {
    return await run.go();
  } catch (error) {
    const text = error instanceof SimulationFailure ? error.message : String((error as Error).stack ?? error);
    throw new SimulationFailure(`seed ${options.seed}: ${text}\n${run.trace.text()}`);
  } finally {
    process.off('unhandledRejection', onRejection);
  }
}

/** Code that agents load when they need it must be there before time is virtual: loading takes real time. */
let isWarm: Promise<void> | undefined;
function warmUp(): Promise<void> {
  isWarm ??= (async () => {
    const { scene } = new AgentsRun({ seed: 0, servers: 1 });
    for (const m of scene.everywhere) m.start();
    for (let turns = 0; turns < 3000 && scene.everywhere.some((m) => !m.isRunning); turns++) {
      await scene.run(5);
      await realPause();
    }
  })();
  return isWarm;
}

class AgentsRun {
  readonly trace: Trace;
  readonly scene: Scene;
  readonly #options: Required<Omit<AgentsRunOptions, 'sink'>>;
  readonly #rng: Rng;
  readonly #fate: Fate;
  readonly #damage: DamageStory;
  readonly #oracle: Oracle;
  readonly #registers: Registers;
  /** Of the other datacenter. */
  readonly #farRegisters: Registers;
  readonly #workers: Worker[] = [];
  readonly #farWorkers: FarWorker[] = [];
  readonly #services: ServiceWorker[] = [];
  readonly #watchers: Watcher[] = [];
  #isOver = false;

  constructor({ seed, servers = 3, steps = AGENT_STEPS_DEFAULT, sink }: AgentsRunOptions) {
    this.#options = { seed, servers, steps: Math.min(steps, AGENT_STEPS_MAX) };
    this.trace = new Trace(sink);
    this.#rng = seededRng(`agents run ${seed}`);
    const rng = this.#rng;
    const drift = pick(rng, [0, 0.01, 0.05]);
    const hasFar = seed % FAR_EVERY === 0;
    this.scene = new Scene({ seed, servers, clients: 1 + rng.int(3), hasFar, drift, hcl: settings(rng) }, this.trace);
    this.#fate = new Fate(this.scene);
    this.#damage = new DamageStory(this.scene);
    this.#oracle = new Oracle(this.scene, REGISTERS, LOCKS);
    this.#registers = new Registers(this.scene, this.#oracle, REGISTERS);
    this.#farRegisters = new Registers(this.scene, this.#oracle, REGISTERS.slice(0, 1), 'far');
    this.scene.afterEvent = () => this.#oracle.look();
    this.#employ();
  }

  #employ(): void {
    const { scene } = this;
    const job: Job = { scene, oracle: this.#oracle, isOver: () => this.#isOver };
    const beliefs = new Beliefs(scene);
    const { far } = scene;
    for (let i = 0; far !== undefined && i < 2; i++) {
      const worker = new FarWorker(job, `far ${i}`, far, this.#farRegisters);
      this.#farWorkers.push(worker);
      this.#workers.push(worker);
    }
    for (let i = 0; i < 6; i++) this.#workers.push(new RegisterWorker(job, `registers ${i}`, this.#registers));
    for (let i = 0; i < 3; i++) this.#workers.push(new LockWorker(job, `locks ${i}`, LOCKS, beliefs));
    for (const m of scene.servers) this.#workers.push(new StaleReader(job, m, this.#registers));
    for (let i = 0; i < 2; i++) this.#workers.push(new DiscoveryWorker(job, `discovery ${i}`));
    this.#workers.push(new PairWorker(job, 'pairs'), new FlickerWorker(job, 'flicker'), new LateRenewer(job, 'late'));
    for (const m of [...scene.clients, pick(this.#rng, scene.servers)]) {
      const worker = new ServiceWorker(job, m);
      m.onPowerCut = () => worker.powerCut();
      m.onWipe = () => worker.wiped();
      this.#services.push(worker);
      this.#workers.push(worker);
    }
    for (let i = 0; i < WATCHERS; i++) {
      const target = TARGETS[i % TARGETS.length] as string;
      const isStale = this.#rng.float() < 0.3;
      this.#watchers.push(new Watcher(scene, this.#registers, pick(this.#rng, scene.machines), target, isStale));
    }
  }

  async go(): Promise<AgentsRunResult> {
    const { scene } = this;
    for (const m of scene.everywhere) m.start();
    if (!(await scene.until(() => scene.leader !== undefined, BACK_WITHIN_MS))) throw missing('no leader at the start');
    for (const worker of this.#workers) worker.start();
    for (const watcher of this.#watchers) watcher.start();
    for (let step = 0; step < this.#options.steps; step++) {
      this.#fate.act();
      await scene.run(this.#rng.float() < 0.2 ? this.#rng.float() * 8000 : this.#rng.float() * 1500);
    }
    await this.#comeBack();
    await this.#settle();
    await this.#wakeEverybody();
    await this.#readEverywhere();
    await this.#readFar();
    await this.#loseOne();
    this.#registers.check();
    this.#farRegisters.check();
    for (const watcher of this.#watchers) watcher.stop();
    await scene.run(0);
    scene.assertKept();
    return {
      seed: this.#options.seed,
      hash: scene.hash,
      events: scene.steps,
      virtualMs: scene.now,
      faults: this.#fate.faults,
      starts: scene.machines.reduce((sum, m) => sum + m.starts, 0),
      counts: scene.counts,
    };
  }

  /** Everything is healed: the cluster answers, while its clients go on. */
  async #comeBack(): Promise<void> {
    const { scene } = this;
    scene.note('*', 'everything is healed');
    this.#fate.heal();
    let isBack = false;
    const attempt = async (): Promise<void> => {
      const value = this.#registers.nextValue();
      const at = pick(this.#rng, scene.machines);
      const put = async () => {
        const done = await scene.change(at, 'PUT', '/v1/kv/r0', value);
        if (done.outcome === 'done') isBack = true;
        return done;
      };
      await this.#registers.write(put, 'r0', value, undefined);
      if (!isBack) {
        await scene.sleep(200);
        await attempt();
      }
    };
    attempt().catch((error: Error) => scene.fail(error));
    if (!(await scene.until(() => isBack, BACK_WITHIN_MS)))
      throw missing('no write succeeds after everything is healed');
    await scene.run(2000);
    if (this.#options.seed % DAMAGE_EVERY === 0) await this.#damage.one();
    this.#isOver = true;
    if (!(await scene.until(() => this.#workers.every((w) => w.isIdle), CLIENTS_END_MS))) {
      throw missing('a client is still without an answer');
    }
  }

  async #settle(): Promise<void> {
    const { scene } = this;
    let fault: string | undefined;
    const isSettled = (): boolean => {
      fault = unsettled(scene, this.#oracle, this.#services);
      return fault === undefined;
    };
    if (!(await scene.until(isSettled, SETTLED_WITHIN_MS, 1000))) throw missing(String(fault));
    await this.#checkWatchers('in the quiet');
  }

  /** Every watcher was told of the last state of what it watches, soon after that has come about. */
  async #checkWatchers(when: string): Promise<void> {
    // Whoever was cut off from its agent tries again; health checks run out of time one by one.
    let late = '';
    for (let round = 0; round < WATCH_ROUNDS; round++) {
      await this.scene.run(WATCH_ROUND_MS);
      const truths = await this.#truths();
      const watcher = this.#watchers.find((w) => w.last !== truths.get(w.target));
      if (watcher === undefined) return;
      late = `${when} the ${watcher} was told ${difference(watcher.last, truths.get(watcher.target) ?? '')}`;
    }
    throw missing(late);
  }

  /** What is watched, as the leader has it at this moment. */
  async #truths(): Promise<ReadonlyMap<string, string>> {
    const { scene } = this;
    const truths = new Map<string, string>();
    const targets = new Set(this.#watchers.map((w) => w.target));
    for (const target of targets) {
      const fresh = `${target}${target.includes('?') ? '&' : '?'}consistent`;
      scene.ask(pick(this.#rng, scene.machines), 'GET', fresh).then(
        ({ status, body }) => truths.set(target, `${status} ${body}`),
        (error: Error) => scene.fail(error),
      );
    }
    if (!(await scene.until(() => truths.size === targets.size, WOKEN_WITHIN_MS))) {
      throw missing('a healthy cluster does not answer');
    }
    return truths;
  }

  /** One more change of everything that is watched: each watcher waits for it, and must be woken. */
  async #wakeEverybody(): Promise<void> {
    const { scene } = this;
    const done: Promise<unknown>[] = [];
    const at = () => pick(this.#rng, scene.machines);
    for (const key of REGISTERS) {
      const value = this.#registers.nextValue();
      const put = () => scene.change(at(), 'PUT', `/v1/kv/${key}`, value);
      done.push(this.#registers.write(put, key, value, undefined));
    }
    done.push(scene.change(at(), 'PUT', '/v1/kv/d/x', 'last'), scene.change(at(), 'DELETE', '/v1/kv/d/y'));
    const service = { Name: 'web', ID: 'web-last', Port: 99, Tags: ['last'], Check: { TTL: '1h', Status: 'passing' } };
    const [c1] = scene.clients;
    if (c1 !== undefined) done.push(scene.change(c1, 'PUT', '/v1/agent/service/register', JSON.stringify(service)));
    const session = { Node: c1?.name, NodeChecks: [] };
    done.push(scene.change(at(), 'PUT', '/v1/session/create', JSON.stringify(session)));
    let isDone = false;
    Promise.all(done).then(
      () => {
        isDone = true;
      },
      (error: Error) => scene.fail(error),
    );
    if (!(await scene.until(() => isDone, WOKEN_WITHIN_MS))) throw missing('a healthy cluster takes no changes');
    await this.#checkWatchers('after the last change');
  }

  /** An agent dies, and soon everybody who asks is told: its node is critical, and what hung on its health has ended. */
  async #loseOne(): Promise<void> {
    const { scene } = this;
    const victim = pick(this.#rng, scene.clients);
    const created = { outcome: '', body: '' };
    const session = JSON.stringify({ Node: victim.name });
    scene.change(pick(this.#rng, scene.servers), 'PUT', '/v1/session/create', session).then(
      (answer) => Object.assign(created, answer),
      (error: Error) => scene.fail(error),
    );
    if (!(await scene.until(() => created.outcome === 'done', WOKEN_WITHIN_MS))) throw missing('no session is made');
    const { ID } = JSON.parse(created.body) as { ID: string };
    victim.isKept = false;
    if (this.#rng.float() < 0.5) victim.kill();
    else victim.cutPower();
    const isKnown = (): boolean => {
      const store = scene.leader?.server?.store;
      return (
        store?.catalog.check(victim.name, 'serfHealth')?.Status === 'critical' &&
        store.sessions.get(ID).value.length === 0
      );
    };
    if (!(await scene.until(isKnown, MISSED_WITHIN_MS))) throw missing(`nobody notices the death of ${victim.name}`);
  }

  /** Every agent finds the way into the other datacenter, and the last word there. */
  async #readFar(): Promise<void> {
    const { scene } = this;
    const [worker] = this.#farWorkers;
    if (worker === undefined) return;
    const without = new Set(scene.everywhere);
    for (const m of scene.everywhere) {
      worker.read(m, REGISTERS[0] as string, '').then(
        (isAnswered) => isAnswered && without.delete(m),
        (error: Error) => scene.fail(error),
      );
    }
    if (await scene.until(() => without.size === 0, WOKEN_WITHIN_MS)) return;
    throw missing(`${[...without].map((m) => m.name)} cannot read in the other datacenter`);
  }

  /** The last word on every register, from every agent. */
  async #readEverywhere(): Promise<void> {
    const { scene } = this;
    let open = 0;
    for (const m of scene.machines) {
      for (const key of REGISTERS) {
        open++;
        const startedAt = scene.now;
        scene.ask(m, 'GET', `/v1/kv/${key}`).then(
          (answer) => {
            this.#registers.read(key, startedAt, entryOf(answer));
            open--;
          },
          (error: Error) => scene.fail(error),
        );
      }
    }
    if (!(await scene.until(() => open === 0, WOKEN_WITHIN_MS))) throw missing('a healthy cluster does not answer');
  }
}

/** Small figures, so that snapshots and their installation happen all the time. */
function settings(rng: Rng): string {
  return `
    performance { raft_multiplier = ${pick(rng, [1, 1, 1, 2])} }
    session_ttl_min = "1s"
    raft_snapshot_threshold = ${pick(rng, [20, 100, 16_384])}
    raft_snapshot_interval = "5s"
    raft_trailing_logs = ${pick(rng, [1, 20, 10_240])}`;
}

/** Two texts from where they begin to differ. */
function difference(told: string, is: string): string {
  let at = 0;
  while (at < told.length && told[at] === is[at]) at++;
  const from = Math.max(0, at - 60);
  return `... ${told.slice(from, at + 60)}, but it is ... ${is.slice(from, at + 60)}`;
}

const missing = (text: string): SimulationFailure => new SimulationFailure(text);
