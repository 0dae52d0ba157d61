import type { Setting } from './setting.ts';
import { settings } from './settings.ts';
import { CHECK, CONFIG, SERVICE, type Shape, type StructShape } from './shape.ts';

type Schema = Record<string, unknown>;

const DOCS: ReadonlyMap<string, Setting> = new Map(settings.map((row) => [row.key, row]));

/**
 * A JSON Schema (2020-12) of configuration files, for editors and for checks before a roll-out. Stricter than loading in
 * one thing: names are expected in lower case.
 */
export function configJsonSchema(): Schema {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Agent configuration',
    ...objectSchema(CONFIG, ''),
    $defs: { check: objectSchema(CHECK, ''), service: objectSchema(SERVICE, '') },
  };
}

function schemaOf(shape: Shape, path: string): Schema {
  switch (shape.kind) {
    case 'string':
      return { type: 'string' };
    case 'bool':
      return { type: 'boolean' };
    case 'int':
      return { type: 'integer' };
    case 'uint':
    case 'uint32':
    case 'uint64':
      return { type: 'integer', minimum: 0 };
    case 'float64':
      return { type: 'number' };
    case 'any':
    case 'entry':
      return {};
    case 'slice':
      return { type: 'array', items: schemaOf(shape.of, '') };
    case 'map':
      return { type: 'object', additionalProperties: schemaOf(shape.of, '') };
    default:
      if (shape === CHECK) return { $ref: '#/$defs/check' };
      return shape === SERVICE ? { $ref: '#/$defs/service' } : objectSchema(shape, path);
  }
}

function objectSchema(shape: StructShape, path: string): Schema {
  const properties: [string, Schema][] = [];
  for (const [name, field] of shape.fields) {
    const key = path === '' ? name : `${path}.${name}`;
    if (name === 'sidecar_service') properties.push([name, { $ref: '#/$defs/service' }]);
    else properties.push([name, { ...schemaOf(field, key), ...notes(DOCS.get(key)) }]);
  }
  for (const [alias, name] of shape.aliases) {
    const field = shape.fields.get(name);
    if (field !== undefined) properties.push([alias, { ...schemaOf(field, ''), deprecated: true }]);
  }
  return { type: 'object', properties: Object.fromEntries(properties), additionalProperties: false };
}

function notes(row: Setting | undefined): Schema {
  if (row === undefined) return {};
  const out: Schema = { description: row.moved === undefined ? row.doc : `Use ${row.moved}.` };
  if (row.fallback !== undefined) out['default'] = row.fallback;
  if (row.moved !== undefined || row.ignored) out['deprecated'] = true;
  return out;
}
