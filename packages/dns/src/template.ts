import type { Rng } from '@proconsul/base';
import {
  type Edns,
  HEADER_BYTES,
  labelsName,
  MessageWriter,
  type Name,
  type NameTable,
  nameLabels,
  type ResourceRecord,
} from '@proconsul/dns-wire';
import type { Answer, Unit } from './answer.ts';

/** How much a reply may carry. */
export interface ReplyLimits {
  /** Size of the message. */
  readonly bytesMax: number;
  /** Answer records; more of them are left out. */
  readonly answersMax: number;
  /** Once answers are left out for their number, sizes are counted as if names were not compressed. */
  readonly countPlain: boolean;
}

/** What of a reply does not depend on the single question. */
export interface TemplateOptions {
  readonly compress: boolean;
  /** Set TC when answers are left out. */
  readonly enableTruncate: boolean;
  readonly recursionAvailable: boolean;
  readonly limits: ReplyLimits;
  readonly edns: Edns | undefined;
}

/** What a unit is reckoned to take: a record or two of small arrays. */
const UNIT_BYTES = 1_024;

/** A compression pointer reaches no further. */
const POINTER_MAX = 0x3fff;

interface Part {
  /** With the owner in full (or pointing into the question). */
  readonly full: Uint8Array;
  /** Without the owner: a pointer to the target of the unit's answer comes before it. Undefined when it is no such record. */
  readonly tail: Uint8Array | undefined;
  readonly plainBytes: number;
}

/** The records of a unit, encoded. Extras only when they are wanted: a trimmed reply shows at most the glue. */
class Packed {
  readonly answer: Uint8Array;
  readonly plainBytes: number;
  /** Where the name that the answer leads to stands in `answer`; -1 for none. */
  readonly targetAt: number;
  /** The same object for the same target. */
  readonly target: Target | undefined;
  private readonly unit: Unit;
  private readonly packer: Packer;
  private readonly owner: Name | undefined;
  private extraParts: readonly Part[] | undefined;
  private glueParts: readonly Part[] | undefined;

  constructor(unit: Unit, packer: Packer) {
    this.unit = unit;
    this.packer = packer;
    const { answer } = unit;
    const { full, plainBytes, dataAt } = packer.encode(answer);
    this.owner = targetOf(answer);
    this.answer = full;
    this.plainBytes = plainBytes;
    this.targetAt = this.owner === undefined ? -1 : dataAt + (answer.kind === 'SRV' ? 6 : 0);
    this.target = this.owner === undefined ? undefined : packer.target(this.owner);
  }

  get extras(): readonly Part[] {
    this.extraParts ??= this.unit.extras.map((record) => this.packer.part(record, this.owner));
    return this.extraParts;
  }

  /** The first address of the target: what stays when space is short. */
  get glue(): readonly Part[] {
    const { glue } = this.unit;
    this.glueParts ??= glue === undefined ? NO_EXTRAS : [this.packer.part(glue, this.owner)];
    return this.glueParts;
  }
}

/** Marked with the number of the reply that shows its address. */
interface Target {
  stamp: number;
}

/**
 * A reply made ready: every record is encoded once, with its names pointing into the question only, so that records can be
 * put into any order and left out. A reply is then copied together.
 *
 * What is left out when not all fits, in this order: loose additional records; everything beside the answers but one
 * address for each target; answers from the end. An OPT record stays always.
 */
export class Template {
  private readonly question: Uint8Array;
  private readonly units: readonly Unit[];
  /** Made when first used: of a large service a reply over UDP shows three. */
  private readonly packed: (Packed | undefined)[];
  private readonly packer: Packer;
  private readonly authority: readonly Uint8Array[];
  private readonly loose: readonly Uint8Array[];
  private readonly opt: Uint8Array;
  private readonly order: number[];
  private stamp = 0;
  private readonly options: TemplateOptions;
  private readonly rcode: number;
  private readonly authoritative: boolean;
  private readonly shuffle: boolean;
  private readonly unitsMax: number;
  /** Everything but units and loose records, counted as the limits say. */
  private readonly baseBytes: number;
  /** Sizes are those without pointers. */
  private readonly countPlain: boolean;
  /** Every unit with all its extras fits beside the loose records. */
  private readonly allFits: boolean;

  /** `question`: the bytes behind the header, name, type and class. */
  constructor(question: Uint8Array, name: Name, answer: Answer, options: TemplateOptions) {
    const packer = new Packer(name, options);
    this.packer = packer;
    this.question = question.slice();
    this.options = options;
    this.rcode = answer.rcode;
    this.authoritative = answer.authoritative;
    this.shuffle = answer.shuffle;
    this.unitsMax = answer.unitsMax;
    this.units = answer.units;
    this.packed = new Array(answer.units.length).fill(undefined);
    const authority = answer.authority.map((record) => packer.part(record));
    this.authority = authority.map(({ full }) => full);
    this.opt = packer.opt(options.edns);
    this.order = this.units.map((_, i) => i);
    const { bytesMax, answersMax } = options.limits;
    // Source: sizes of replies of the reference, with as many answers as there may be and with one more.
    this.countPlain = options.limits.countPlain && Math.min(this.units.length, this.unitsMax) > answersMax;
    const bytesOf = (part: Part) => (this.countPlain ? part.plainBytes : part.full.length);
    this.baseBytes =
      HEADER_BYTES + question.length + this.opt.length + authority.reduce((sum, part) => sum + bytesOf(part), 0);
    const loose = answer.additional.map((record) => packer.part(record));
    this.loose = [];
    this.allFits = false;
    if (this.units.length > Math.min(this.unitsMax, answersMax)) return;
    let size = this.baseBytes;
    for (let i = 0; i < this.units.length; i++) {
      const unit = this.unit(i);
      size += this.unitBytes(unit, unit.extras, size);
    }
    this.allFits = size <= bytesMax;
    const kept = loose.filter((part) => {
      size += bytesOf(part);
      return size <= bytesMax;
    });
    this.loose = kept.map(({ full }) => full);
  }

  /** About the memory that it holds when every unit is made. */
  get sizeBytes(): number {
    return this.question.length + this.baseBytes + this.units.length * UNIT_BYTES;
  }

  private unit(index: number): Packed {
    const known = this.packed[index];
    if (known !== undefined) return known;
    const packed = new Packed(this.units[index]!, this.packer);
    this.packed[index] = packed;
    return packed;
  }

  /**
   * One reply, with the bytes of the header that belong to the query put in: `id`, and `flags` (opcode, RD and CD).
   * `allocate` gives memory for it.
   */
  render(id: number, flags: number, rng: Rng, allocate: (size: number) => Uint8Array): Uint8Array {
    const picked = Math.min(this.units.length, this.unitsMax);
    const wanted = Math.min(picked, this.options.limits.answersMax);
    if (this.shuffle) this.mix(wanted, rng);
    if (this.allFits || (wanted === picked && this.subsetFits(wanted))) {
      return this.assemble(id, flags, wanted, wanted, false, allocate);
    }
    const count = this.countThatFits(wanted);
    return this.assemble(id, flags, count, picked, true, allocate);
  }

  /** Brings random units to the front: the start of a Fisher-Yates shuffle. */
  private mix(count: number, rng: Rng): void {
    const order = this.order;
    const swaps = Math.min(count, order.length - 1);
    for (let i = 0; i < swaps; i++) {
      const j = i + rng.int(order.length - i);
      const other = order[j]!;
      order[j] = order[i]!;
      order[i] = other;
    }
  }

  private subsetFits(count: number): boolean {
    let size = this.baseBytes;
    for (let i = 0; i < count; i++) {
      const unit = this.unit(this.order[i]!);
      size += this.unitBytes(unit, unit.extras, size);
    }
    return size <= this.options.limits.bytesMax;
  }

  private countThatFits(wanted: number): number {
    let size = this.baseBytes;
    this.stamp++;
    for (let i = 0; i < wanted; i++) {
      const unit = this.unit(this.order[i]!);
      const glue = this.isNewTarget(unit) ? unit.glue : [];
      size += this.unitBytes(unit, glue, size);
      if (size > this.options.limits.bytesMax) return i;
    }
    return wanted;
  }

  private isNewTarget(unit: Packed): boolean {
    if (unit.target === undefined || unit.target.stamp === this.stamp) return false;
    unit.target.stamp = this.stamp;
    return true;
  }

  /** Size of an answer and some extras, the owner of an extra being a pointer while pointers can reach the answer. */
  private unitBytes(unit: Packed, extras: readonly Part[], at: number): number {
    const plain = this.countPlain;
    let size = plain ? unit.plainBytes : unit.answer.length;
    const short = at + unit.targetAt <= POINTER_MAX;
    for (const part of extras)
      size += plain ? part.plainBytes : short && part.tail ? part.tail.length + 2 : part.full.length;
    return size;
  }

  private assemble(
    id: number,
    flags: number,
    count: number,
    picked: number,
    trimmed: boolean,
    allocate: (size: number) => Uint8Array,
  ): Uint8Array {
    const loose = trimmed ? NO_PARTS : this.loose;
    const extras = this.chooseExtras(count, trimmed);
    const size = this.measure(count, extras, loose);
    const out = allocate(size);
    let at = this.writeHeader(out, id, flags | (trimmed && this.options.enableTruncate && count < picked ? 0x0200 : 0));
    const targets: number[] = [];
    for (let i = 0; i < count; i++) {
      const unit = this.unit(this.order[i]!);
      targets.push(at + unit.targetAt);
      at = put(out, at, unit.answer);
    }
    for (const bytes of this.authority) at = put(out, at, bytes);
    let extraCount = loose.length + (this.opt.length > 0 ? 1 : 0);
    for (let i = 0; i < count; i++) {
      for (const part of extras[i]!) {
        at = putExtra(out, at, part, targets[i]!);
        extraCount++;
      }
    }
    for (const bytes of loose) at = put(out, at, bytes);
    at = put(out, at, this.opt);
    out[6] = count >> 8;
    out[7] = count;
    out[9] = this.authority.length;
    out[10] = extraCount >> 8;
    out[11] = extraCount;
    return at === size ? out : out.subarray(0, at);
  }

  private chooseExtras(count: number, trimmed: boolean): (readonly Part[])[] {
    const chosen: (readonly Part[])[] = [];
    this.stamp++;
    for (let i = 0; i < count; i++) {
      const unit = this.unit(this.order[i]!);
      if (!trimmed) chosen.push(unit.extras);
      else chosen.push(this.isNewTarget(unit) ? unit.glue : NO_EXTRAS);
    }
    return chosen;
  }

  /** Room for the longest form. */
  private measure(count: number, extras: readonly (readonly Part[])[], loose: readonly Uint8Array[]): number {
    let size = HEADER_BYTES + this.question.length + this.opt.length;
    for (const bytes of this.authority) size += bytes.length;
    for (const bytes of loose) size += bytes.length;
    let answerAt = HEADER_BYTES + this.question.length;
    for (let i = 0; i < count; i++) {
      const unit = this.unit(this.order[i]!);
      const short = answerAt + unit.targetAt <= POINTER_MAX;
      answerAt += unit.answer.length;
      for (const part of extras[i]!) size += short && part.tail !== undefined ? part.tail.length + 2 : part.full.length;
      size += unit.answer.length;
    }
    return size;
  }

  private writeHeader(out: Uint8Array, id: number, flags: number): number {
    const bits =
      flags | 0x8000 | (this.authoritative ? 0x0400 : 0) | (this.options.recursionAvailable ? 0x80 : 0) | this.rcode;
    out[0] = id >> 8;
    out[1] = id;
    out[2] = bits >> 8;
    out[3] = bits;
    out[4] = 0;
    out[5] = 1;
    out[8] = 0;
    return put(out, HEADER_BYTES, this.question);
  }
}

const NO_PARTS: readonly Uint8Array[] = [];
const NO_EXTRAS: readonly Part[] = [];

/** Short copies are faster by hand than by `set`. */
const COPY_BY_HAND_MAX = 64;

function put(out: Uint8Array, at: number, bytes: Uint8Array): number {
  const length = bytes.length;
  if (length > COPY_BY_HAND_MAX) out.set(bytes, at);
  else for (let i = 0; i < length; i++) out[at + i] = bytes[i]!;
  return at + length;
}

function putExtra(out: Uint8Array, at: number, part: Part, targetAt: number): number {
  if (part.tail === undefined || targetAt > POINTER_MAX) return put(out, at, part.full);
  out[at] = 0xc0 | (targetAt >> 8);
  out[at + 1] = targetAt;
  return put(out, at + 2, part.tail);
}

/** Encodes records one by one against the names in the question. */
class Packer {
  private readonly writer: MessageWriter;
  private readonly plain: boolean;
  private readonly targets = new Map<Name, Target>();

  constructor(name: Name, options: TemplateOptions) {
    this.plain = !options.compress;
    const table: NameTable | undefined = options.compress ? new Map() : undefined;
    const labels = nameLabels(name);
    let at = HEADER_BYTES;
    for (let i = 0; i < labels.length; i++) {
      table?.set(labelsName(labels.slice(i)), at);
      at += labels[i]!.length + 1;
    }
    this.writer = new MessageWriter(table);
    this.writer.learn = false;
  }

  part(record: ResourceRecord, target?: Name): Part {
    const { full, plainBytes, dataAt } = this.encode(record);
    // Ten bytes of type, class, TTL and length stand between the owner and the data.
    const tail = !this.plain && target !== undefined && record.name === target ? full.subarray(dataAt - 10) : undefined;
    return { full, tail, plainBytes };
  }

  opt(edns: Edns | undefined): Uint8Array {
    const writer = new MessageWriter(undefined, 32);
    if (edns !== undefined) writer.edns(edns);
    return writer.finish();
  }

  encode(record: ResourceRecord): { full: Uint8Array; plainBytes: number; dataAt: number } {
    const { writer } = this;
    writer.at = 0;
    writer.savedBytes = 0;
    writer.name(record.name);
    const dataAt = writer.recordAfterName(record);
    const full = writer.finish().slice();
    return { full, dataAt, plainBytes: full.length + writer.savedBytes };
  }

  target(name: Name): Target {
    let target = this.targets.get(name);
    if (target === undefined) {
      target = { stamp: 0 };
      this.targets.set(name, target);
    }
    return target;
  }
}

function targetOf(record: ResourceRecord): Name | undefined {
  return record.kind === 'SRV' || record.kind === 'NS' || record.kind === 'CNAME' ? record.target : undefined;
}
