import type { Position } from './errors.ts';

/** Names of tokens as error messages print them. */
export type TokenType =
  | 'EOF'
  | 'ILLEGAL'
  | 'IDENT'
  | 'NUMBER'
  | 'FLOAT'
  | 'BOOL'
  | 'STRING'
  | 'HEREDOC'
  | 'LBRACK'
  | 'LBRACE'
  | 'COMMA'
  | 'PERIOD'
  | 'RBRACK'
  | 'RBRACE'
  | 'ASSIGN'
  | 'ADD'
  | 'SUB';

export interface Token {
  readonly type: TokenType;
  /** As written, quotes and heredoc markers included. */
  readonly text: string;
  readonly position: Position;
}
