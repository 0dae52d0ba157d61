import type { Name } from './name.ts';

/** One question. */
export interface Question {
  readonly name: Name;
  readonly type: number;
  readonly class: number;
}

interface RecordHead {
  readonly name: Name;
  /** Class; IN when left out. */
  readonly class?: number;
  /** Seconds, 0 to 2^32 - 1. */
  readonly ttl: number;
}

/** A resource record. `kind` is the mnemonic of its type; types without a form of their own are `OTHER`. */
export type ResourceRecord = RecordHead & RecordData;

export type RecordData =
  /** Four and sixteen bytes. */
  | { readonly kind: 'A' | 'AAAA'; readonly address: Uint8Array }
  | { readonly kind: 'NS' | 'CNAME' | 'PTR'; readonly target: Name }
  | { readonly kind: 'MX'; readonly preference: number; readonly target: Name }
  | {
      readonly kind: 'SRV';
      readonly priority: number;
      readonly weight: number;
      readonly port: number;
      readonly target: Name;
    }
  | {
      readonly kind: 'SOA';
      readonly mname: Name;
      readonly rname: Name;
      readonly serial: number;
      readonly refresh: number;
      readonly retry: number;
      readonly expire: number;
      readonly minimum: number;
    }
  /** One or more strings of at most 255 bytes each. */
  | { readonly kind: 'TXT'; readonly texts: readonly Uint8Array[] }
  | { readonly kind: 'OTHER'; readonly type: number; readonly data: Uint8Array };

/** What the OPT pseudo-record says. Source: RFC 6891 section 6.1. */
export interface Edns {
  /** The largest UDP message that the sender takes. */
  readonly udpBytes: number;
  readonly version?: number;
  /** The upper eight bits of the response code. */
  readonly extendedRcode?: number;
  readonly dnssecOk?: boolean;
  readonly options?: readonly EdnsOption[];
}

export interface EdnsOption {
  readonly code: number;
  readonly data: Uint8Array;
}

export interface Message {
  readonly id: number;
  readonly response?: boolean;
  readonly opcode?: number;
  readonly authoritative?: boolean;
  readonly truncated?: boolean;
  readonly recursionDesired?: boolean;
  readonly recursionAvailable?: boolean;
  /** Authentic data and checking disabled, RFC 4035. */
  readonly authenticData?: boolean;
  readonly checkingDisabled?: boolean;
  readonly rcode?: number;
  readonly questions: readonly Question[];
  readonly answers: readonly ResourceRecord[];
  readonly authority: readonly ResourceRecord[];
  /** Without the OPT record, which is `edns`. */
  readonly additional: readonly ResourceRecord[];
  readonly edns?: Edns;
}
