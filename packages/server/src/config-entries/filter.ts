import { type FieldKind, SERVICE_DEFAULTS_FIELDS } from '@proconsul/bexpr';
import { invalid } from '@proconsul/endpoints';

/** Only this kind has fields that filters may name. Source: answers of the reference. */
const FILTERED_KIND = 'service-defaults';

/** Refuses a filter over a kind without fields for it. Throws EndpointError. */
export function checkFilteredKind(kind: string): void {
  if (kind !== FILTERED_KIND) throw invalid(`filtering not supported for config entry kind=${kind}`);
}

type FieldMap = typeof SERVICE_DEFAULTS_FIELDS;

/** The entry with the zero value of every field that is not stored, as filters see it. */
export function complete(value: unknown, fields: FieldMap = SERVICE_DEFAULTS_FIELDS): Record<string, unknown> {
  const out: Record<string, unknown> = Object.create(null);
  const record = (value ?? {}) as Record<string, unknown>;
  for (const [name, kind] of Object.entries(fields)) out[name] = completeField(record[name], kind);
  return out;
}

function completeField(value: unknown, kind: FieldKind): unknown {
  if (kind === 'string') return value ?? '';
  if (kind === 'bool') return value ?? false;
  if (typeof kind === 'string') return value ?? 0;
  if ('list' in kind || 'map' in kind) return value ?? null;
  return complete(value, kind as FieldMap);
}
