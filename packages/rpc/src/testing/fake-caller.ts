import type {
  Caller,
  CommonArgs,
  ReadDone,
  ReadMeta,
  ReadMethod,
  ReadOptions,
  View,
  WriteMethod,
} from '@proconsul/endpoints';

export const LEADER_META: ReadMeta = { knownLeader: true, lastContactMs: 0 };

export const view = <T>(index: number, value: T, valid = true): View<T> => ({ index, value, valid, memo: new Map() });

/** Answers what it was given, and keeps what it was asked. */
export class FakeCaller implements Caller {
  readonly views = new Map<string, View<unknown>>();
  readonly written = new Map<string, unknown>();
  readonly asked: { readonly name: string; readonly args: unknown; readonly options?: ReadOptions }[] = [];
  meta = LEADER_META;
  /** Readers that wait: names of methods without a view. */
  readonly waiting = new Set<ReadDone<never>>();

  peek = () => undefined;
  leads = () => true;

  read<A extends CommonArgs, T>(
    method: ReadMethod<A, T>,
    args: A,
    options: ReadOptions,
    done: ReadDone<T>,
  ): () => void {
    this.asked.push({ name: method.name, args, options });
    const found = this.views.get(method.name);
    if (found !== undefined) {
      done(null, found as View<T>, this.meta);
      return () => {};
    }
    this.waiting.add(done as ReadDone<never>);
    return () => this.waiting.delete(done as ReadDone<never>);
  }

  async write<A extends CommonArgs, R>(method: WriteMethod<A, R>, args: A): Promise<R> {
    this.asked.push({ name: method.name, args });
    const outcome = this.written.get(method.name);
    if (outcome instanceof Error) throw outcome;
    return outcome as R;
  }
}
