/** How a value is written. The words of definitions name shapes of shapes.ts. */
export type SettingType =
  | 'string'
  | 'bool'
  | 'int'
  | 'uint'
  | 'uint32'
  | 'uint64'
  | 'anything'
  | 'float'
  | 'duration'
  | 'list'
  | 'map'
  | 'durationMap'
  | 'any'
  | 'anyList'
  | 'entries'
  | 'addHeaders'
  | 'mspTokens'
  | 'segments'
  | 'auditSinks'
  | 'raftBoltdb'
  | 'service'
  | 'services'
  | 'check'
  | 'checks';

export interface SettingExtras {
  /** Default in development mode, where it differs. */
  readonly dev?: string | number | boolean;
  /** A reload applies a change. */
  readonly reload?: boolean;
  /** Never shown or logged. */
  readonly secret?: boolean;
  /** Environment variable that wins over files and flags. */
  readonly env?: string;
  /** Accepted with a warning, without effect. */
  readonly enterprise?: boolean;
  /** Another name, without a warning of its own. */
  readonly alias?: string;
  /** An old name of another setting. */
  readonly moved?: string;
  /** Accepted without effect. */
  readonly ignored?: boolean;
  /** Files may name it, but the default always wins. */
  readonly fixed?: boolean;
  /** The name that Consul's messages use, where it is not the key. */
  readonly errorName?: string;
}

/** One row of the table of settings. */
export interface Setting extends SettingExtras {
  /** Dotted path, as messages name it. */
  readonly key: string;
  readonly type: SettingType;
  readonly fallback: string | number | boolean | undefined;
  readonly doc: string;
}

/** A row, keeping its key and type as literal types so that readers of values are checked. */
export function row<K extends string, T extends SettingType>(
  key: K,
  type: T,
  fallback: Setting['fallback'],
  doc: string,
  extras: SettingExtras = {},
): Setting & { readonly key: K; readonly type: T } {
  return { key, type, fallback, doc, ...extras };
}
