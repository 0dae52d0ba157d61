import type { StateMachine } from '@proconsul/raft';
import type { Command, Store } from '@proconsul/store';

/** The store as Raft drives it. Watchers hear of a batch once all of it is applied. */
export function storeMachine(store: Store): StateMachine {
  return {
    apply(entries) {
      const results = entries.map((e) => store.apply(e.index, e.data, e.command as Command | undefined));
      store.flush();
      return results;
    },
    snapshot: () => store.snapshot(),
    async restore(chunks) {
      const restore = store.restore();
      for await (const chunk of chunks) restore.push(chunk);
      restore.finish();
      store.flush();
    },
  };
}
