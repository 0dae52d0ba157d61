/** A member of the pool as the layers above know it. `status` as the API names it. */
export interface SerfMember {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly tags: Readonly<Record<string, string>>;
  readonly status: 'none' | 'alive' | 'leaving' | 'left' | 'failed';
  /** Versions of memberlist's protocol: min, max, current; and of Serf's: min, max, current. */
  readonly protocol: readonly [number, number, number];
  readonly delegate: readonly [number, number, number];
}

export type MemberEventKind = 'join' | 'leave' | 'failed' | 'update' | 'reap';

/** What happens in the pool, in the order in which this member learned of it. */
export type SerfEvent =
  | { readonly kind: 'member'; readonly what: MemberEventKind; readonly member: SerfMember }
  | {
      readonly kind: 'user';
      readonly time: number;
      readonly name: string;
      readonly payload: Uint8Array;
      readonly coalesce: boolean;
    }
  | { readonly kind: 'query'; readonly query: IncomingQuery };

/** A question from another member. */
export interface IncomingQuery {
  readonly name: string;
  readonly payload: Uint8Array;
  readonly from: string;
  /** Monotonic milliseconds until which an answer is of use. */
  readonly deadline: number;
  /** Answers once. Throws SerfError when too large or too late. */
  respond(payload: Uint8Array): void;
}
