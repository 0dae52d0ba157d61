import { fromUtf8 } from '@proconsul/base';
import { LTIME_MAX } from './lamport-clock.ts';

/** What a snapshot file says: who was alive, and the last logical times seen. */
export interface SnapshotState {
  /** Name to `IP:PORT`. */
  readonly alive: Map<string, string>;
  readonly clocks: Record<SnapshotClock, number>;
}

/** The words before the times in the file. */
export const SNAPSHOT_CLOCKS = ['clock', 'event-clock', 'query-clock'] as const;
export type SnapshotClock = (typeof SNAPSHOT_CLOCKS)[number];

export function newSnapshotState(): SnapshotState {
  return { alive: new Map(), clocks: { clock: 0, 'event-clock': 0, 'query-clock': 0 } };
}

/**
 * The state after all lines of a file. A line that was cut or is not known is passed over.
 *     alive: NAME IP:PORT | not-alive: NAME | clock: N | event-clock: N | query-clock: N | leave | coordinate: ... | # ...
 * Source: gossip wire notes, section 4; files of real Serf agents.
 *
 * @param rejoinAfterLeave - false: a `leave` takes back everything before it.
 */
export function replaySnapshot(bytes: Uint8Array, rejoinAfterLeave: boolean): SnapshotState {
  let state = newSnapshotState();
  const lines = fromUtf8(bytes).split('\n');
  lines.pop(); // Empty, or a line without an end, which a crash has cut.
  for (const line of lines) {
    if (line === 'leave') {
      if (!rejoinAfterLeave) state = newSnapshotState();
    } else replayLine(state, line);
  }
  return state;
}

function replayLine(state: SnapshotState, line: string): void {
  const colon = line.indexOf(': ');
  if (colon < 0) return;
  const word = line.slice(0, colon);
  const rest = line.slice(colon + 2);
  if (word === 'alive') {
    const space = rest.lastIndexOf(' ');
    if (space > 0) state.alive.set(rest.slice(0, space), rest.slice(space + 1));
  } else if (word === 'not-alive') state.alive.delete(rest);
  else if (isClock(word)) {
    const time = /^\d{1,16}$/.test(rest) ? Number(rest) : Number.NaN;
    if (time <= LTIME_MAX) state.clocks[word] = time;
  }
}

function isClock(word: string): word is SnapshotClock {
  return (SNAPSHOT_CLOCKS as readonly string[]).includes(word);
}

/** A file that says no more than the state. */
export function snapshotText({ alive, clocks }: SnapshotState): string {
  let text = '';
  for (const [name, address] of alive) text += `alive: ${name} ${address}\n`;
  for (const clock of SNAPSHOT_CLOCKS) text += `${clock}: ${clocks[clock]}\n`;
  return text;
}
