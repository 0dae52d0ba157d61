export const LEVELS = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR'] as const;
export type Level = (typeof LEVELS)[number];

/** Values shown as `key=value` after the message; strings with spaces are quoted by the writer. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Where a component reports what it does. The message names the event; what varies goes into the fields. */
export interface Log {
  trace(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** Whether anybody hears that level; where it is missing, assume so. Spares the making of dear fields. */
  enabled?(level: Level): boolean;
  /** A logger for a part of this one: `agent` named `server` writes as `agent.server`. */
  named(name: string): Log;
}

/** Says nothing. */
export const silentLog: Log = {
  trace() {},
  debug() {},
  info() {},
  warn() {},
  error() {},
  enabled: () => false,
  named: () => silentLog,
};
