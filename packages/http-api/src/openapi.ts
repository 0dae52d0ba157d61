import { PROCONSUL_VERSION } from '@proconsul/base';
import { type Operation, type Param, type Route, schemaOf, type Verb } from './route.ts';

type Json = Readonly<Record<string, unknown>>;

/** Where the description is served. */
export const OPENAPI_PATH = '/v1/agent/openapi';

const VERBS: readonly Verb[] = ['GET', 'PUT', 'POST', 'DELETE'];

/** Parameters that every endpoint takes. */
const COMMON_PARAMETERS = {
  dc: {
    name: 'dc',
    in: 'query',
    description: 'Datacenter that answers. Default: that of the agent.',
    schema: { type: 'string' },
  },
  pretty: {
    name: 'pretty',
    in: 'query',
    description: 'Indented JSON.',
    allowEmptyValue: true,
    schema: { type: 'boolean' },
  },
} as const;

/** What blocking reads say about their answer. Source: HTTP API documentation, blocking queries. */
const READ_HEADERS = {
  'X-Consul-Index': {
    description: 'Pass it as `index` to wait for the next change.',
    schema: { type: 'integer', minimum: 1 },
  },
  'X-Consul-Knownleader': { description: 'Whether a leader was known.', schema: { type: 'boolean' } },
  'X-Consul-Lastcontact': {
    description: 'Milliseconds since the leader was last heard of.',
    schema: { type: 'integer', minimum: 0 },
  },
} as const;

/**
 * Describes routes as an OpenAPI document: paths, parameters, bodies and answers, exactly what the tables say.
 * Structures that occur by name become `components.schemas`. Source: OpenAPI Specification 3.1.0.
 */
export function describeApi(routes: readonly Route[]): Json {
  const schemas = new Schemas();
  const paths: Record<string, Json> = {};
  for (const route of [...routes].sort((a, b) => (a.path < b.path ? -1 : 1))) {
    const template = templateOf(route);
    const item: Record<string, unknown> = {};
    for (const verb of VERBS) {
      const operation = route.operations[verb];
      if (operation !== undefined) item[verb.toLowerCase()] = operationOf(verb, template, operation, schemas);
    }
    if (Object.keys(item).length > 0) paths[template] = item;
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Proconsul HTTP API',
      version: PROCONSUL_VERSION,
      description: 'The HTTP API of an agent. Path parameters may contain slashes. Errors are plain text.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: 'http://127.0.0.1:8500' }],
    security: [{}, { token: [] }, { bearer: [] }],
    tags: [...new Set(Object.keys(paths).map(tagOf))].sort().map((name) => ({ name })),
    paths,
    components: {
      parameters: COMMON_PARAMETERS,
      headers: READ_HEADERS,
      responses: {
        Error: { description: 'What went wrong.', content: { 'text/plain': { schema: { type: 'string' } } } },
      },
      securitySchemes: {
        token: { type: 'apiKey', in: 'header', name: 'X-Consul-Token' },
        bearer: { type: 'http', scheme: 'bearer' },
      },
      schemas: schemas.sorted(),
    },
  };
}

/** The path with the name of its parameter: `/v1/kv/` is `/v1/kv/{key}`. */
function templateOf(route: Route): string {
  if (!route.path.endsWith('/')) return route.path;
  const named = Object.values(route.operations).flatMap((o) => o?.params ?? []);
  return `${route.path}{${named.find((p) => p.in === 'path')?.name ?? 'rest'}}`;
}

const tagOf = (path: string): string => path.split('/')[2] ?? '';

/** `GET /v1/agent/service/{id}` is `getAgentServiceById`. */
function operationId(verb: Verb, template: string): string {
  const words = template
    .split(/[/\-.]/)
    .slice(2)
    .map((w) => (w.startsWith('{') ? `By${capital(w.slice(1, -1))}` : capital(w)));
  return verb.toLowerCase() + words.join('');
}

const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);

function operationOf(verb: Verb, template: string, operation: Operation, schemas: Schemas): Json {
  const tag = tagOf(template);
  const params: Json[] = (operation.params ?? []).map(parameterOf);
  if (template.endsWith('{rest}')) params.unshift(parameterOf({ name: 'rest', in: 'path', doc: 'Identifier.' }));
  if (tag !== 'agent') params.push({ $ref: '#/components/parameters/dc' });
  params.push({ $ref: '#/components/parameters/pretty' });
  const blocking = operation.params?.some((p) => p.name === 'index') ?? false;
  const body = operation.body;
  return {
    operationId: operationId(verb, template),
    tags: [tag],
    summary: operation.doc,
    parameters: params,
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: { 'application/json': { schema: schemas.use(schemaOf(body)) } } } }),
    responses: {
      200: answerOf(verb, operation, blocking, schemas),
      default: { $ref: '#/components/responses/Error' },
    },
  };
}

function answerOf(verb: Verb, operation: Operation, blocking: boolean, schemas: Schemas): Json {
  const names = Object.keys(READ_HEADERS);
  const headers = Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
  const content =
    operation.reply === undefined
      ? { '*/*': {} }
      : { 'application/json': { schema: schemas.use(schemaOf(operation.reply)) } };
  const hasContent = operation.reply !== undefined || verb === 'GET';
  return { description: 'Done.', ...(blocking ? { headers } : {}), ...(hasContent ? { content } : {}) };
}

function parameterOf(p: Param): Json {
  const flag = p.type === 'boolean' && p.in === 'query';
  return {
    name: p.name,
    in: p.in,
    description: p.doc,
    ...(p.in === 'path' ? { required: true } : {}),
    ...(flag ? { allowEmptyValue: true } : {}),
    schema: parameterSchema(p),
  };
}

function parameterSchema(p: Param): Json {
  switch (p.type) {
    case 'integer':
      return { type: 'integer', minimum: 0 };
    case 'boolean':
      return { type: 'boolean' };
    case 'duration':
      return { type: 'string', examples: ['10s'] };
    default:
      return { type: 'string' };
  }
}

/** Named structures, kept once each. */
class Schemas {
  readonly #byName = new Map<string, string>();
  readonly #kept = new Map<string, unknown>();

  /** The schema with each named structure inside it replaced by a reference. */
  use(schema: unknown): unknown {
    if (Array.isArray(schema)) return schema.map((s) => this.use(s));
    if (typeof schema !== 'object' || schema === null) return schema;
    const inner = Object.fromEntries(Object.entries(schema).map(([k, v]) => [k, this.use(v)]));
    const { title } = inner;
    if (typeof title !== 'string' || inner['properties'] === undefined) return inner;
    return { $ref: `#/components/schemas/${this.#keep(capital(title), inner)}` };
  }

  /** Structures of one name that differ (the wire has some) get a number each. */
  #keep(title: string, schema: Json): string {
    const text = JSON.stringify(schema);
    for (let n = 1; ; n++) {
      const name = n === 1 ? title : `${title}${n}`;
      const before = this.#byName.get(name);
      if (before === text) return name;
      if (before !== undefined) continue;
      this.#byName.set(name, text);
      this.#kept.set(name, schema);
      return name;
    }
  }

  sorted(): Json {
    return Object.fromEntries([...this.#kept].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}

/** The route that serves the description of `routes` and of itself. */
export function openapiRoutes(routes: readonly Route[]): readonly Route[] {
  let text: string | undefined;
  const own: Route = {
    path: OPENAPI_PATH,
    enterprise: 'none',
    operations: {
      GET: {
        doc: 'This description, as OpenAPI 3.1.',
        reply: { type: 'object' },
        run(x) {
          text ??= JSON.stringify(describeApi([...routes, own]));
          x.json(text);
        },
      },
    },
  };
  return [own];
}
