import { DecodeError, isObject, type Kind } from '../kind.ts';
import { type Problems, refuseProblems } from './problems.ts';
import { INTENTION_SHAPE } from './shapes.ts';

/** An intention as decoded fields with Go's names. Fields with zero values may be missing. */
export interface Intention {
  readonly SourceName: string;
  readonly DestinationName: string;
  readonly Precedence: number;
  readonly [field: string]: unknown;
}

/** As it stands among the fields of answers and commands. */
export const Intention: Kind<Intention> = {
  goType: 'structs.Intention',
  zero: () => ({ SourceName: '', DestinationName: '', Precedence: 0 }),
  isEmpty: () => false,
  toJson: (v) => INTENTION_SHAPE.print(v),
  fromJson: (json) => {
    if (!isObject(json)) throw new DecodeError("'' expected a map");
    const problems: Problems = { unknownKeys: [], errors: [] };
    const fields = INTENTION_SHAPE.readObject(json, '', problems);
    refuseProblems(problems);
    return complete(fields);
  },
  write: (w, v) => INTENTION_SHAPE.encode(w, v),
  read: (r) => complete((INTENTION_SHAPE.decode(r) ?? {}) as Record<string, unknown>),
  describe: () => ({ type: 'object' }),
};

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

function complete(fields: Record<string, unknown>): Intention {
  return {
    ...fields,
    SourceName: text(fields['SourceName']),
    DestinationName: text(fields['DestinationName']),
    Precedence: Number(fields['Precedence'] ?? 0),
  };
}
