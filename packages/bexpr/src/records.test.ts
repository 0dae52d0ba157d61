import { expect, test } from 'vitest';
import {
  CHECK_FIELDS,
  CHECK_SERVICE_NODE_FIELDS,
  type FieldKind,
  INTENTION_FIELDS,
  MEMBER_FIELDS,
  NODE_FIELDS,
  NODE_INFO_FIELDS,
  SERVICE_DEFAULTS_FIELDS,
  SERVICE_FIELDS,
  SERVICE_NODE_FIELDS,
} from './index.ts';
import vectors from './testdata/selectors.json' with { type: 'json' };

const tables: readonly (readonly [keyof typeof vectors.fields, FieldKind])[] = [
  ['/v1/agent/members', MEMBER_FIELDS],
  ['/v1/catalog/node-services/agent-x', SERVICE_FIELDS],
  ['/v1/catalog/nodes', NODE_FIELDS],
  ['/v1/catalog/service/consul', SERVICE_NODE_FIELDS],
  ['/v1/config/service-defaults', SERVICE_DEFAULTS_FIELDS],
  ['/v1/connect/intentions', INTENTION_FIELDS],
  ['/v1/health/node/agent-x', CHECK_FIELDS],
  ['/v1/health/service/consul', CHECK_SERVICE_NODE_FIELDS],
  ['/v1/internal/ui/nodes', NODE_INFO_FIELDS],
];

/** Messages do not tell int from int64, nor uint from uint64. */
function wide(kind: FieldKind): unknown {
  if (typeof kind === 'string') return kind.replace(/64$/, '');
  return Object.fromEntries(Object.entries(kind).map(([name, field]) => [name, wide(field as FieldKind)]));
}

test.for(tables)('the fields for %s are those that Consul accepts', ([endpoint, fields]) => {
  expect(wide(fields)).toEqual(vectors.fields[endpoint]);
});
