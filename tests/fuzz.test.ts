import { describe, expect, test } from 'vitest';
import { bytesOf, readRegressions } from '../fuzz/corpus.ts';
import type { Counters } from '../fuzz/coverage.ts';
import { type FuzzDependencies, fuzz } from '../fuzz/engine.ts';
import { isRefusal, type Target } from '../fuzz/target.ts';
import { targets } from '../fuzz/targets/index.ts';
import { ProtocolError } from '../packages/base/src/index.ts';
import { instrument, numbered } from '../scripts/instrument.mjs';

// The engine itself, on parsers made for it; and the inputs that once did harm, on the product's.

/** Runs code with counters. */
function counted(source: string): { run: (bytes: Uint8Array) => void; counters: Counters } {
  const { code } = numbered(instrument(source).code);
  const own = code.replace('globalThis.__fuzz ??=', 'shared.counters =');
  const shared = {} as { counters: Counters };
  const run = new Function('shared', 'ProtocolError', `${own}\nreturn parse;`)(shared, ProtocolError);
  return { run, counters: shared.counters };
}

/** Fails only behind a row of conditions that nobody guesses at once. */
const MAZE = `
  function parse(b) {
    if (b[0] !== 0x66) throw new ProtocolError('A', 'a');
    if (b[1] !== 0x75) throw new ProtocolError('B', 'b');
    if (b[2] !== 0x7a) throw new ProtocolError('C', 'c');
    const size = b.length > 4 && b[3] > 200 ? b[4] : 0;
    for (let i = 0; i < size; i++) if (i > 250) throw new TypeError('lost in the maze');
  }`;

function dependencies(counters: Counters | undefined): FuzzDependencies {
  let now = 0;
  return { counters, now: () => now++, words: {}, before: () => undefined };
}

const target = (run: (bytes: Uint8Array) => void): Target => ({
  name: 'maze',
  reads: 'a maze',
  seeds: () => [Uint8Array.of(1, 2, 3, 4, 5, 6)],
  words: ['f', 'u', 'z', '\\'],
  taskBytesMax: 64,
  run,
});

async function runMaze(seed: number, isGuided = true) {
  const { run, counters } = counted(MAZE);
  return await fuzz(
    target(run),
    { seed, runs: 40_000, regressions: [] },
    dependencies(isGuided ? counters : undefined),
  );
}

describe('the fuzzer', () => {
  test('is guided by branches to what chance alone does not find, and makes it small', async () => {
    const report = await runMaze(1);
    expect(report.findings.map((f) => f.key)).toEqual(['TypeError: lost in the maze']);
    expect([...report.findings[0]!.bytes.subarray(0, 3)]).toEqual([0x66, 0x75, 0x7a]);
    expect(report.findings[0]!.bytes).toHaveLength(5);
    expect((await runMaze(1, false)).findings).toEqual([]);
  });

  test('does the same again with the same seed, and other things with another', async () => {
    const [one, again, other] = [await runMaze(3), await runMaze(3), await runMaze(4)];
    expect(again.digest).toBe(one.digest);
    expect(again.findings.map((f) => f.bytes)).toEqual(one.findings.map((f) => f.bytes));
    expect(other.digest).not.toBe(one.digest);
  });

  test('finds what allocates by a length from the input', async () => {
    const { run, counters } = counted('function parse(b) { if (b.length > 3) new Uint8Array(b[3] << 16); }');
    const report = await fuzz(target(run), { seed: 1, runs: 2000, regressions: [] }, dependencies(counters));
    expect(report.findings.map((f) => f.key)).toEqual(['allocation']);
  });

  test('counts every branch, and leaves the meaning of the code alone', () => {
    const source = `
      function pick(a, b) { if (a) return b ? 'both' : 'a'; else if (b) return 'b'; return a ?? 'none'; }
      const list = (n) => { let s = ''; for (let i = 0; i < n; i++) if (i % 2) s += i; else s += '.'; return s; };
      const key = (k) => { switch (k) { case 1: case 2: return 'few'; default: return { many: true }; } };
      const object = (x) => ({ x });
      function parse() { return [pick(1, 1), pick(1, 0), pick(0, 1), pick(null, 0), list(5), key(1), key(9), object(3)]; }`;
    const plain = new Function(`${source}\nreturn parse();`)();
    const { run, counters } = counted(source);
    expect(run(new Uint8Array(0))).toEqual(plain);
    expect(counters.size).toBeGreaterThan(15);
    expect(new Set(counters.touched.subarray(0, counters.size)).size).toBe(counters.size);
  });
});

describe('inputs that once did harm', () => {
  const known = targets.flatMap((t) => readRegressions('fuzz/corpus', t.name).map((r) => [t, r] as const));

  test.for(known.map(([t, r], i) => [`${t.name} ${i}: ${r.was}`, t, r] as const))('%s', async ([, t, regression]) => {
    try {
      await t.run(bytesOf(regression));
    } catch (error) {
      if (!(t.isRefusal ?? isRefusal)(error)) throw error;
    }
  });
});

test('the seeds of every target are taken or refused, and nothing else', async () => {
  for (const t of targets) {
    for (const seed of t.seeds().slice(0, 20)) {
      try {
        await t.run(seed);
      } catch (error) {
        expect((t.isRefusal ?? isRefusal)(error), `${t.name}: ${error}`).toBe(true);
      }
    }
  }
});
