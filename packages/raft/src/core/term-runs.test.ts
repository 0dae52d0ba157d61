import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TermRuns } from './term-runs.ts';

/** The obvious way: a term for each index. */
class Model {
  base = 0;
  baseTerm = 0;
  terms: number[] = [];
  term(index: number): number | undefined {
    return index === this.base ? this.baseTerm : this.terms[index - this.base - 1];
  }
  get last(): number {
    return this.base + this.terms.length;
  }
}

type Step =
  | { readonly op: 'append'; readonly termUp: number; readonly count: number }
  | { readonly op: 'truncate' | 'compact'; readonly part: number }
  | { readonly op: 'reset'; readonly ahead: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ op: fc.constant('append' as const), termUp: fc.nat(2), count: fc.nat(4) }) },
  fc.record({
    op: fc.constantFrom('truncate' as const, 'compact' as const),
    part: fc.double({ min: 0, max: 1, noNaN: true }),
  }),
  fc.record({ op: fc.constant('reset' as const), ahead: fc.nat(5) }),
);

function apply(runs: TermRuns, model: Model, s: Step): void {
  switch (s.op) {
    case 'append': {
      const term = runs.lastTerm + s.termUp;
      for (let i = 0; i < s.count; i++) {
        runs.append(runs.lastIndex + 1, term);
        model.terms.push(term);
      }
      return;
    }
    case 'truncate': {
      const from = model.base + 1 + Math.floor(s.part * model.terms.length);
      runs.truncateFrom(from);
      model.terms.length = from - model.base - 1;
      return;
    }
    case 'compact': {
      const to = model.base + Math.floor(s.part * model.terms.length);
      runs.compactTo(to);
      model.baseTerm = model.term(to)!;
      model.terms.splice(0, to - model.base);
      model.base = to;
      return;
    }
    case 'reset': {
      model.baseTerm = runs.lastTerm + 1;
      model.base = model.last + s.ahead;
      model.terms = [];
      runs.reset(model.base, model.baseTerm);
    }
  }
}

test('terms by index are those of a plain list, after any appends, truncations, compactions and resets', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const runs = new TermRuns();
      const model = new Model();
      for (const s of steps) {
        apply(runs, model, s);
        expect(runs.lastIndex).toBe(model.last);
        expect(runs.firstIndex).toBe(model.base + 1);
        for (let i = Math.max(0, model.base - 1); i <= model.last + 1; i++) {
          expect(runs.term(i)).toBe(i < model.base ? undefined : model.term(i));
        }
        expect(runs.clone().term(model.last)).toBe(model.term(model.last));
      }
    }),
  );
});

test('gaps, falling terms and truncation below the snapshot are refused', () => {
  const runs = new TermRuns(5, 2);
  expect(() => runs.append(7, 2)).toThrow('without gaps');
  expect(() => runs.append(6, 1)).toThrow('never go down');
  expect(() => runs.truncateFrom(5)).toThrow('never truncated');
});
