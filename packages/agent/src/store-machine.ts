import { type Clock, CodedError, type Labels, type Metrics } from '@proconsul/base';
import { ChunkAssembler, type Entry, type StateMachine } from '@proconsul/raft';
import { type Command, commandName, isSupportedCommand, type Store } from '@proconsul/store';

/** Who is told how long each command took. */
export interface CommandWatch {
  readonly clock: Clock;
  readonly metrics: Metrics;
}

/** Bound of the operations whose labels are kept: there are fewer. */
export const OPERATIONS_KEPT_MAX = 64;

const operations = new Map<string, Labels>();

/** One object for each operation, so that the sink knows it again. */
function labelsOf(op: string): Labels | undefined {
  if (op === '') return undefined;
  let labels = operations.get(op);
  if (labels === undefined) {
    labels = { op };
    if (operations.size < OPERATIONS_KEPT_MAX) operations.set(op, labels);
  }
  return labels;
}

/**
 * The store as Raft drives it. Watchers hear of a batch once all of it is applied. Commands in several pieces are put together.
 * Throws CodedError FSM_UNKNOWN_COMMAND for a command of a newer version that may not be skipped: going on would make this
 * server's state another one than its peers', so its part ends there, with what it has.
 */
export function storeMachine(store: Store, watch?: CommandWatch): StateMachine {
  const chunks = new ChunkAssembler();
  const applyPiece = (entry: Entry): unknown => {
    const outcome = chunks.take(entry);
    if (outcome.kind === 'plain') return applyCommand(entry.data, entry);
    if (outcome.kind === 'whole') return applyCommand(outcome.data, entry);
    store.skipTo(entry.index);
    return outcome.kind === 'refused' ? { error: outcome.why } : null;
  };
  const applyCommand = (data: Uint8Array, entry: Entry): unknown => {
    if (entry.command === undefined && !isSupportedCommand(data)) throw unknownCommand(entry, data);
    const command = entry.command as Command | undefined;
    if (watch === undefined) return store.apply(entry.index, data, command);
    const startedAt = watch.clock.now();
    const result = store.apply(entry.index, data, command);
    const named = commandName(data, command);
    if (named !== undefined) {
      watch.metrics.sample(`fsm.${named.name}`, watch.clock.now() - startedAt, labelsOf(named.op));
    }
    return result;
  };
  return {
    apply(entries) {
      const results = entries.map((e) => (e.extensions === undefined ? applyCommand(e.data, e) : applyPiece(e)));
      store.flush();
      return results;
    },
    snapshot: () => store.snapshot(chunks.size > 0 ? chunks.encodeState() : undefined),
    async restore(pieces) {
      const restore = store.restore();
      for await (const piece of pieces) restore.push(piece);
      restore.finish();
      chunks.restoreState(restore.chunking());
      store.flush();
    },
  };
}

function unknownCommand({ index }: Entry, data: Uint8Array): CodedError {
  const type = (data[0] ?? 0) & 127;
  return new CodedError(
    'FSM_UNKNOWN_COMMAND',
    `log entry ${index} is a command of type ${type}, which this version does not know; upgrade this server to the version of its peers`,
    { index, type },
  );
}
