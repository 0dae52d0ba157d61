import { type Rng, seededRng, utf8 } from '@proconsul/base';
import { type Counters, Coverage } from './coverage.ts';
import { minimise } from './minimise.ts';
import { Mutator } from './mutate.ts';
import { ALLOCATED_BYTES_MAX, INPUT_BYTES_MAX, isRefusal, type Target } from './target.ts';

export interface FuzzOptions {
  readonly seed: number;
  readonly runs: number;
  /** Inputs that once did harm, run first. */
  readonly regressions: readonly Uint8Array[];
}

export interface FuzzDependencies {
  /** Undefined: the modules are not instrumented, and nothing guides the mutations. */
  readonly counters: Counters | undefined;
  /** Monotonic milliseconds. */
  now(): number;
  /** String literals by package. */
  readonly words: Readonly<Record<string, readonly string[]>>;
  /** Called before each execution, so that one that never ends is known. */
  before(bytes: Uint8Array): void;
}

export interface Finding {
  /** What went wrong, the same for the same fault. */
  readonly key: string;
  readonly message: string;
  readonly stack: string;
  readonly bytes: Uint8Array;
}

export interface Report {
  readonly name: string;
  readonly executions: number;
  /** Inputs that were taken for good, not refused. */
  readonly accepted: number;
  readonly branches: number;
  readonly corpus: number;
  /** Inputs that took longest here; to be measured again without counters. */
  readonly slow: readonly Uint8Array[];
  /** Those among inputs stretched to the size that one task may have. */
  readonly stretched: readonly Uint8Array[];
  readonly findings: readonly Finding[];
  /** Over the corpus, in order: equal for equal seed, runs and product. */
  readonly digest: string;
  readonly elapsedMs: number;
}

/** Executions that one input of the corpus is the parent of in a round, and of one that nothing smaller can replace. */
const ENERGY = 16;
const ENERGY_FAVOURED = 96;
/** Where a target has a `task`, most inputs meet only that; one in so many, and each that is news, meets all checks. */
const THOROUGH_EVERY = 4;
/** Different faults that are worth keeping in one run. */
const FINDINGS_MAX = 20;
/** Slow inputs that are measured again at the end. */
const SLOW_KEPT = 8;
/** Inputs stretched to the size of a whole task. */
const STRETCHES = 60;
/** Longer ones are fewer and meet only the target's `task`: all checks would take most of the run. */
const THOROUGH_BYTES_MAX = 128 * 1024;
const LONG_STRETCHES = 15;
const CORPUS_MAX = 20_000;
/** Frames kept of a fault. */
const STACK_FRAMES = 12;

interface Slow {
  readonly ms: number;
  readonly bytes: Uint8Array;
}

/** Attacks one target: mutates what has reached new branches, until `runs` executions are made. */
export async function fuzz(target: Target, options: FuzzOptions, dependencies: FuzzDependencies): Promise<Report> {
  const run = new Run(target, options, dependencies);
  const traced = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return await run.all();
  } finally {
    Error.stackTraceLimit = traced;
  }
}

class Run {
  readonly #target: Target;
  readonly #options: FuzzOptions;
  readonly #d: FuzzDependencies;
  readonly #rng: Rng;
  readonly #coverage: Coverage;
  readonly #mutator: Mutator;
  readonly #corpus: Uint8Array[] = [];
  /** Smallest input of the corpus with each feature. */
  readonly #best = new Map<number, number>();
  readonly #wins: number[] = [];
  readonly #findings = new Map<string, Finding>();
  #slow: Slow[] = [];
  #executions = 0;
  #accepted = 0;

  constructor(target: Target, options: FuzzOptions, dependencies: FuzzDependencies) {
    this.#target = target;
    this.#options = options;
    this.#d = dependencies;
    this.#rng = seededRng(`${target.name}/${options.seed}`);
    this.#coverage = new Coverage(dependencies.counters);
    const words = [
      ...(target.wordsOf ?? []).flatMap((name) => (dependencies.words[name] ?? []).map((w) => utf8(w))),
      ...(target.words ?? []).map((w) => (typeof w === 'string' ? utf8(w) : w)),
    ];
    this.#mutator = new Mutator(this.#rng, words, target.inputBytesMax ?? INPUT_BYTES_MAX);
  }

  async all(): Promise<Report> {
    const startedAt = this.#d.now();
    this.#coverage.reset();
    for (const bytes of [...this.#options.regressions, ...this.#target.seeds()]) await this.#seed(bytes);
    if (this.#corpus.length === 0) this.#corpus.push(new Uint8Array(0));
    await this.#mutations();
    const slow = this.#slow.map((one) => one.bytes);
    await this.#stretches();
    return {
      name: this.#target.name,
      executions: this.#executions,
      accepted: this.#accepted,
      branches: this.#coverage.branches,
      corpus: this.#corpus.length,
      slow,
      stretched: this.#slow.map((one) => one.bytes),
      findings: [...this.#findings.values()],
      digest: digestOf(this.#corpus),
      elapsedMs: this.#d.now() - startedAt,
    };
  }

  async #seed(bytes: Uint8Array): Promise<void> {
    await this.#execute(bytes);
    if (this.#coverage.take() || !this.#coverage.isOn) this.#keep(bytes);
    this.#coverage.reset();
  }

  async #mutations(): Promise<void> {
    const { runs } = this.#options;
    const corpus = this.#corpus;
    const target = this.#target;
    for (let at = 0; this.#executions < runs; at = (at + 1) % corpus.length) {
      const energy = (this.#wins[at] ?? 0) > 0 ? ENERGY_FAVOURED : ENERGY;
      for (let i = 0; i < energy && this.#executions < runs; i++) {
        let bytes = this.#mutator.mutate(corpus[at]!, corpus[this.#rng.int(corpus.length)]!);
        if (target.repair !== undefined && this.#rng.int(4) > 0) bytes = target.repair(bytes);
        const isPlain = target.task !== undefined && this.#executions % THOROUGH_EVERY !== 0;
        let running = this.#execute(bytes, isPlain);
        if (running !== undefined) await running;
        if (this.#coverage.take() && corpus.length < CORPUS_MAX) {
          this.#keep(bytes);
          if (isPlain) {
            running = this.#execute(bytes);
            if (running !== undefined) await running;
            this.#coverage.take();
          }
        }
        this.#coverage.reset();
      }
    }
  }

  #keep(bytes: Uint8Array): void {
    const index = this.#corpus.push(bytes) - 1;
    this.#wins.push(0);
    for (const feature of this.#coverage.features()) {
      const holder = this.#best.get(feature);
      if (holder !== undefined && this.#corpus[holder]!.length <= bytes.length) continue;
      if (holder !== undefined) this.#wins[holder]!--;
      this.#best.set(feature, index);
      this.#wins[index]!++;
    }
  }

  #execute(bytes: Uint8Array, isPlain = false): void | Promise<void> {
    this.#executions++;
    this.#d.before(bytes);
    const startedAt = this.#d.now();
    let running: void | Promise<void>;
    try {
      running = isPlain ? this.#target.task!(bytes) : this.#target.run(bytes);
    } catch (error) {
      this.#timed(bytes, this.#d.now() - startedAt);
      return this.#refused(bytes, error);
    }
    if (running === undefined) {
      this.#accepted++;
      return this.#executed(bytes, startedAt);
    }
    return running.then(
      () => {
        this.#accepted++;
        return this.#executed(bytes, startedAt);
      },
      (error) => {
        this.#timed(bytes, this.#d.now() - startedAt);
        return this.#refused(bytes, error);
      },
    );
  }

  #executed(bytes: Uint8Array, startedAt: number): void | Promise<void> {
    this.#timed(bytes, this.#d.now() - startedAt);
    return this.#allocation(bytes);
  }

  #allocation(bytes: Uint8Array): void | Promise<void> {
    const limit = (this.#target.allocatedBytesMax ?? ALLOCATED_BYTES_MAX) + 64 * bytes.length;
    const { allocated } = this.#coverage;
    if (allocated <= limit) return undefined;
    return this.#found('allocation', `one execution allocates ${allocated} bytes for ${bytes.length}`, bytes);
  }

  #timed(bytes: Uint8Array, ms: number): void {
    const least = this.#slow.length < SLOW_KEPT ? 0 : this.#slow[this.#slow.length - 1]!.ms;
    if (ms <= least) return;
    this.#slow.push({ ms, bytes });
    this.#slow.sort((a, b) => b.ms - a.ms);
    this.#slow.length = Math.min(this.#slow.length, SLOW_KEPT);
  }

  #refused(bytes: Uint8Array, error: unknown): void | Promise<void> {
    const isFine = this.#target.isRefusal?.(error) ?? isRefusal(error);
    return isFine ? this.#allocation(bytes) : this.#found(keyOf(error), String(error), bytes);
  }

  async #found(key: string, message: string, bytes: Uint8Array): Promise<void> {
    if (this.#findings.has(key) || this.#findings.size >= FINDINGS_MAX) return;
    // Reserved at once: the search for a smaller input meets the fault again.
    this.#findings.set(key, { key, message, stack: '', bytes });
    const small = await minimise(bytes, async (smaller) => (await this.#faultOf(smaller))?.key === key);
    const fault = await this.#faultOf(small);
    this.#findings.set(key, { key, message: fault?.message ?? message, stack: fault?.stack ?? '', bytes: small });
  }

  /** What goes wrong with an input, run apart with all checks. */
  async #faultOf(bytes: Uint8Array): Promise<{ key: string; message: string; stack: string } | undefined> {
    this.#coverage.reset();
    this.#d.before(bytes);
    Error.stackTraceLimit = STACK_FRAMES;
    try {
      await this.#target.run(bytes);
    } catch (error) {
      if (!(this.#target.isRefusal?.(error) ?? isRefusal(error))) {
        const stack = error instanceof Error ? (error.stack ?? '') : '';
        return { key: keyOf(error), message: String(error), stack };
      }
    } finally {
      Error.stackTraceLimit = 0;
    }
    const limit = (this.#target.allocatedBytesMax ?? ALLOCATED_BYTES_MAX) + 64 * bytes.length;
    const { allocated } = this.#coverage;
    if (allocated <= limit) return undefined;
    return { key: 'allocation', message: `one execution allocates ${allocated} bytes for ${bytes.length}`, stack: '' };
  }

  async #stretches(): Promise<void> {
    this.#slow = [];
    const isLong = this.#target.taskBytesMax > THOROUGH_BYTES_MAX;
    for (let i = 0; i < (isLong ? LONG_STRETCHES : STRETCHES); i++) {
      const parent = this.#corpus[this.#rng.int(this.#corpus.length)]!;
      let bytes = this.#mutator.stretch(parent, this.#target.taskBytesMax);
      if (this.#target.repair !== undefined) bytes = this.#target.repair(bytes);
      await this.#execute(bytes, isLong && this.#target.task !== undefined);
      this.#coverage.reset();
    }
  }
}

/** Kind of error without the numbers and quoted pieces of input in its text. */
function keyOf(error: unknown): string {
  if (!(error instanceof Error)) return `thrown ${typeof error}`;
  const text = error.message.replace(/"(?:[^"\\]|\\.)*"|'[^']*'|`[^`]*`/g, '""').replace(/-?\d+n?/g, '0');
  return `${error.name}: ${text.slice(0, 80)}`;
}

/** FNV-1a over all inputs and their sizes. */
function digestOf(corpus: readonly Uint8Array[]): string {
  let h = 0x811c9dc5;
  const add = (byte: number): void => {
    h = Math.imul(h ^ byte, 0x01000193) >>> 0;
  };
  for (const bytes of corpus) {
    add(bytes.length & 255);
    add(bytes.length >>> 8);
    for (const byte of bytes) add(byte);
  }
  return h.toString(16).padStart(8, '0');
}
