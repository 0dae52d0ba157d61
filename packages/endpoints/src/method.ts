import type { Struct } from '@proconsul/schema';

/** What every method needs to know about who asks, where. */
export interface CommonArgs {
  /** Target datacenter; empty is the server's own. */
  readonly Datacenter: string;
  /** Secret of the ACL token; empty is anonymous. */
  readonly Token: string;
}

/** A read over the replicated state. `T` is what the fronts encode. */
export interface ReadMethod<A extends CommonArgs, T> {
  readonly kind: 'read';
  /** `Health.ServiceNodes`: also the name on the RPC wire. */
  readonly name: string;
  /** Whether MinQueryIndex is honoured. */
  readonly blocking: boolean;
  /** Types only: keeps A and T apart for the compiler. Never present at run time. */
  readonly types?: { readonly args: A; readonly reply: T };
}

/** A change of the replicated state, answered after it is committed and applied. */
export interface WriteMethod<A extends CommonArgs, R> {
  readonly kind: 'write';
  readonly name: string;
  /** The structure on the wire and in the log. */
  // biome-ignore lint/suspicious/noExplicitAny: the wire form of A, where the log has one
  readonly request: Struct<any> | null;
  readonly types?: { readonly args: A; readonly reply: R };
}

export function read<A extends CommonArgs, T>(name: string, options: { blocking?: boolean } = {}): ReadMethod<A, T> {
  return { kind: 'read', name, blocking: options.blocking ?? true };
}

// biome-ignore lint/suspicious/noExplicitAny: see WriteMethod.request
export function write<A extends CommonArgs, R>(name: string, request: Struct<any> | null): WriteMethod<A, R> {
  return { kind: 'write', name, request };
}

export type ArgsOf<M> = M extends ReadMethod<infer A, unknown> | WriteMethod<infer A, unknown> ? A : never;
export type ReplyOf<M> = M extends ReadMethod<infer _A, infer T> | WriteMethod<infer _B, infer T> ? T : never;
