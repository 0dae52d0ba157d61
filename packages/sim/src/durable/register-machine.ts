import { fromUtf8, utf8 } from '@proconsul/base';
import type { Entry, StateCapture, StateMachine } from '@proconsul/raft';

/** What one command does: sets a register. Ids are unique over a run. */
export interface Command {
  readonly id: number;
  readonly key: string;
  readonly value: string;
}

export const encodeCommand = (c: Command): Uint8Array => utf8(`${c.id} ${c.key} ${c.value}`);

function decodeCommand(data: Uint8Array): Command {
  const [id = '', key = '', value = ''] = fromUtf8(data).split(' ');
  return { id: Number(id), key, value };
}

interface State {
  registers: [string, string][];
  /** Id of the command at each index, in order. */
  applied: [number, number][];
}

/** Registers, and a record of every command ever applied, so that nothing can go missing unseen. */
export class RegisterMachine implements StateMachine {
  readonly #onApply: (index: number, id: number) => void;
  #registers = new Map<string, string>();
  #applied = new Map<number, number>();
  lastIndex = 0;

  constructor(onApply: (index: number, id: number) => void) {
    this.#onApply = onApply;
  }

  read(key: string): string | undefined {
    return this.#registers.get(key);
  }

  /** Commands by index. */
  get applied(): ReadonlyMap<number, number> {
    return this.#applied;
  }

  apply(entries: readonly Entry[]): unknown[] {
    return entries.map((entry) => {
      const command = decodeCommand(entry.data);
      this.#registers.set(command.key, command.value);
      this.#applied.set(entry.index, command.id);
      this.lastIndex = entry.index;
      this.#onApply(entry.index, command.id);
      return entry.index;
    });
  }

  snapshot(): StateCapture {
    const state: State = { registers: [...this.#registers], applied: [...this.#applied] };
    const text = JSON.stringify(state);
    return {
      *chunks() {
        for (let at = 0; at < text.length; at += 100) yield utf8(text.slice(at, at + 100));
      },
    };
  }

  async restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    let text = '';
    for await (const chunk of chunks) text += fromUtf8(chunk);
    const state = JSON.parse(text) as State;
    this.#registers = new Map(state.registers);
    this.#applied = new Map(state.applied);
    this.lastIndex = state.applied.at(-1)?.[0] ?? 0;
  }
}
