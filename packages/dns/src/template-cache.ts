import { HEADER_BYTES } from '@proconsul/dns-wire';
import type { Reads } from './answer.ts';
import type { Template } from './template.ts';

/** Templates kept. Questions that find nothing have a store of their own, so that noise does not push out what is asked often. */
export const TEMPLATES_MAX = 8_192;
export const NEGATIVE_TEMPLATES_MAX = 2_048;
/** Bytes of encoded records kept. */
export const TEMPLATE_BYTES_MAX = 32 * 1024 * 1024;

/** Which questions share a template: the same bytes of question under the same limits. */
export interface TemplateEntry {
  readonly template: Template;
  readonly reads: Reads;
  /** On the clock of the handler; infinite unless the reply holds a serial. */
  readonly freshUntil: number;
  readonly question: Uint8Array;
  readonly limitKey: number;
  /** Under which the time of an answer is counted. */
  readonly metric: string;
}

/**
 * Templates by question. One entry for each hash value: a second question with the same hash takes its place. When a bound
 * is passed everything is forgotten, which costs one look-up for each question that is asked again.
 */
export class TemplateCache {
  private readonly found = new Map<number, TemplateEntry>();
  private readonly missing = new Map<number, TemplateEntry>();
  private foundBytes = 0;

  /** Looks for the question in a datagram, from the end of the header to `end`. */
  get(bytes: Uint8Array, end: number, limitKey: number, now: number): TemplateEntry | undefined {
    const hash = hashOf(bytes, HEADER_BYTES, end, limitKey);
    const entry = this.found.get(hash) ?? this.missing.get(hash);
    if (entry === undefined || entry.limitKey !== limitKey || !sameQuestion(entry.question, bytes, end))
      return undefined;
    return entry.reads.valid && now < entry.freshUntil ? entry : undefined;
  }

  set(entry: TemplateEntry, negative: boolean): void {
    const hash = hashOf(entry.question, 0, entry.question.length, entry.limitKey);
    this.delete(hash);
    if (negative) {
      if (this.missing.size >= NEGATIVE_TEMPLATES_MAX) this.missing.clear();
      this.missing.set(hash, entry);
      return;
    }
    const bytes = entry.template.sizeBytes;
    if (this.found.size >= TEMPLATES_MAX || this.foundBytes + bytes > TEMPLATE_BYTES_MAX) this.clear();
    if (bytes > TEMPLATE_BYTES_MAX) return;
    this.found.set(hash, entry);
    this.foundBytes += bytes;
  }

  clear(): void {
    this.found.clear();
    this.missing.clear();
    this.foundBytes = 0;
  }

  private delete(hash: number): void {
    this.missing.delete(hash);
    const old = this.found.get(hash);
    if (old === undefined) return;
    this.found.delete(hash);
    this.foundBytes -= old.template.sizeBytes;
  }
}

/** FNV-1a, 32 bits. */
function hashOf(bytes: Uint8Array, start: number, end: number, seed: number): number {
  let hash = 0x811c9dc5 ^ seed;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return hash;
}

function sameQuestion(question: Uint8Array, bytes: Uint8Array, end: number): boolean {
  if (question.length !== end - HEADER_BYTES) return false;
  for (let i = 0; i < question.length; i++) if (question[i] !== bytes[HEADER_BYTES + i]) return false;
  return true;
}
