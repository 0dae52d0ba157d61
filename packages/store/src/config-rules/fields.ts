export type Fields = Readonly<Record<string, unknown>>;

/** Why an entry is refused, or null. */
export type Fault = string | null;

export const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
export const numberOf = (value: unknown): number => (typeof value === 'number' ? value : 0);
export const textsOf = (value: unknown): string[] => (Array.isArray(value) ? value.map(textOf) : []);

/** The records of a list field; empty when there are none. */
export function recordsOf(value: unknown): Fields[] {
  return Array.isArray(value) ? value.map((item) => (item ?? {}) as Fields) : [];
}

export const recordOf = (value: unknown): Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};

export const isSet = (record: Fields, field: string): boolean => textOf(record[field]) !== '';
export const quote = (text: string): string => JSON.stringify(text);

/** The first fault of several checks, in order. */
export function firstFault(...checks: (() => Fault)[]): Fault {
  for (const check of checks) {
    const fault = check();
    if (fault !== null) return fault;
  }
  return null;
}

/** Several faults at once, as Go's multierror prints them. */
export function several(faults: readonly string[]): Fault {
  if (faults.length === 0) return null;
  const count = `${faults.length} error${faults.length === 1 ? '' : 's'} occurred`;
  return `${count}:\n${faults.map((fault) => `\t* ${fault}\n`).join('')}\n`;
}

export const PROTOCOLS: ReadonlySet<string> = new Set(['', 'tcp', 'http', 'http2', 'grpc']);

/** Protocols of requests that can be routed one by one. */
export const isHttpLike = (protocol: string): boolean => ['http', 'http2', 'grpc'].includes(protocol);
