/** Operators by the names that error messages give them. `contains` is In with the sides exchanged. */
export type Operator =
  | 'Equal'
  | 'Not Equal'
  | 'Is Empty'
  | 'Is Not Empty'
  | 'In'
  | 'Not In'
  | 'Matches'
  | 'Not Matches';

export interface Match {
  readonly kind: 'match';
  /** Names from the outside in: `Meta["a b"]` is `['Meta', 'a b']`. */
  readonly selector: readonly string[];
  readonly operator: Operator;
  /** Empty for the operators that take no value. */
  readonly value: string;
}

export type Expression =
  | { readonly kind: 'and' | 'or'; readonly operands: readonly Expression[] }
  | { readonly kind: 'not'; readonly operand: Expression }
  | Match;
