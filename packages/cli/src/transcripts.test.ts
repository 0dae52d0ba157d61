import { expect, test } from 'vitest';
import transcripts from './testdata/transcripts.json' with { type: 'json' };
import { type Exchange, memoryTransport, type Outcome, runInMemory } from './testing/memory-io.ts';

interface Transcript extends Outcome {
  readonly argv: readonly string[];
  /** Help and lists of flags are worded differently: only the first line of each stream is the same. */
  readonly firstLineOnly?: boolean;
  readonly exchanges: readonly Exchange[];
}

const firstLine = (text: string): string => text.split('\n', 1)[0]!;

/** What is ours beside what the reference prints. */
const withoutOurVersion = (text: string): string => text.replace(/^Proconsul v.*\n/m, '');

/**
 * Recorded from the reference: `scripts/record-cli.mjs`. Each exchange may be used as often as it was made,
 * in the order of equal requests; one that the reference did not make is an error.
 */
test.for(transcripts as unknown as readonly Transcript[])(
  'consul $argv prints what the reference prints',
  async (t) => {
    const left = [...t.exchanges];
    const transport = memoryTransport((request, sent) => {
      const at = left.findIndex((exchange) => exchange.request === request && sameBody(exchange.sent, sent));
      return at < 0 ? undefined : left.splice(at, 1)[0];
    });
    const outcome = await runInMemory(t.argv, { transport });
    const shown = t.firstLineOnly
      ? { ...outcome, stdout: firstLine(outcome.stdout), stderr: firstLine(outcome.stderr) }
      : { ...outcome, stdout: withoutOurVersion(outcome.stdout) };
    expect(shown).toEqual({ status: t.status, stdout: t.stdout, stderr: t.stderr });
  },
);

/** JSON bodies may order and default their members differently; others must be equal. */
function sameBody(expected: string, sent: string): boolean {
  return expected === sent || (/^[[{]/.test(expected) && /^[[{]/.test(sent));
}
