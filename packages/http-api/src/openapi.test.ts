import { expect, test } from 'vitest';
import { describeApi, OPENAPI_PATH } from './openapi.ts';
import { path, query, type Route } from './route.ts';
import { allRoutes } from './routes/all.ts';

// biome-ignore lint/suspicious/noExplicitAny: a document of many shapes is looked into.
type Document = any;

const all: Document = JSON.parse(JSON.stringify(describeApi(allRoutes)));

/** What the structure of an OpenAPI 3.1 document asks for. Source: OpenAPI Specification 3.1.0, chapter 4.8. */
function problems(doc: Document): string[] {
  const wrong: string[] = [];
  if (!/^3\.1\.\d+$/.test(doc.openapi)) wrong.push('openapi');
  if (typeof doc.info?.title !== 'string' || typeof doc.info?.version !== 'string') wrong.push('info');
  const ids = new Set<string>();
  for (const [template, item] of Object.entries<Document>(doc.paths)) {
    if (!template.startsWith('/')) wrong.push(`${template}: no slash`);
    const inPath = [...template.matchAll(/\{([^}]+)\}/g)].map((m) => m[1]);
    for (const [verb, operation] of Object.entries<Document>(item)) {
      const at = `${verb} ${template}`;
      if (!['get', 'put', 'post', 'delete'].includes(verb)) wrong.push(at);
      if (ids.has(operation.operationId)) wrong.push(`${at}: ${operation.operationId} twice`);
      ids.add(operation.operationId);
      if (typeof operation.summary !== 'string' || operation.summary === '') wrong.push(`${at}: no summary`);
      const params = operation.parameters.map((p: Document) => (p.$ref ? resolve(doc, p.$ref) : p));
      const named = params.map((p: Document) => `${p?.in} ${p?.name}`);
      if (new Set(named).size !== named.length) wrong.push(`${at}: a parameter twice`);
      const declared = params.filter((p: Document) => p.in === 'path').map((p: Document) => p.name);
      if (declared.join() !== inPath.join()) wrong.push(`${at}: path parameters ${declared}, template ${inPath}`);
      for (const p of params) if (p.in === 'path' && p.required !== true) wrong.push(`${at}: ${p.name} not required`);
      for (const [code, answer] of Object.entries<Document>(operation.responses)) {
        if (!/^([1-5]\d\d|default)$/.test(code)) wrong.push(`${at}: ${code}`);
        const whole = answer.$ref ? resolve(doc, answer.$ref) : answer;
        if (typeof whole?.description !== 'string') wrong.push(`${at}: ${code} without description`);
      }
    }
  }
  for (const ref of references(doc)) if (resolve(doc, ref) === undefined) wrong.push(`nothing at ${ref}`);
  return wrong;
}

function* references(value: Document): Generator<string> {
  if (typeof value !== 'object' || value === null) return;
  if (typeof value.$ref === 'string') yield value.$ref;
  for (const inner of Object.values(value)) yield* references(inner);
}

const resolve = (doc: Document, ref: string): Document =>
  ref
    .slice(2)
    .split('/')
    .reduce((at, word) => at?.[word.replaceAll('~1', '/').replaceAll('~0', '~')], doc);

test('the description of all routes is well formed', () => {
  expect(problems(all)).toEqual([]);
});

test('every operation of every route is described, this one too', () => {
  const described = Object.entries<Document>(all.paths).flatMap(([p, item]) =>
    Object.keys(item).map((verb) => `${verb.toUpperCase()} ${p.replace(/\{.*\}$/, '')}`),
  );
  const routed = allRoutes.flatMap((r) => Object.keys(r.operations).map((verb) => `${verb} ${r.path}`));
  expect(described.sort()).toEqual(routed.sort());
  expect(described).toContain(`GET ${OPENAPI_PATH}`);
});

test('named structures are kept once and referred to', () => {
  const health = all.paths['/v1/health/service/{service}'].get;
  const items = health.responses[200].content['application/json'].schema.items;
  expect(items.$ref).toMatch(/^#\/components\/schemas\/\w+$/);
  expect(Object.keys(resolve(all, items.$ref).properties)).toEqual(['Node', 'Service', 'Checks']);
  expect(health.responses[200].headers).toHaveProperty('X-Consul-Index');
  const names = Object.keys(all.components.schemas);
  expect(names).toEqual([...names].sort());
});

test('the check of the form finds what is wrong', () => {
  const route: Route = {
    path: '/v1/thing/',
    enterprise: 'none',
    operations: { GET: { doc: '', params: [path('a', 'A.'), query('b', 'B.'), query('b', 'B.')], run: () => {} } },
  };
  const doc: Document = JSON.parse(JSON.stringify(describeApi([route])));
  doc.paths['/v1/thing/{c}'] = doc.paths['/v1/thing/{a}'];
  doc.paths['/v1/thing/{c}'].get.responses[200] = { $ref: '#/components/responses/Nothing' };
  expect(problems(doc)).toEqual([
    'get /v1/thing/{a}: no summary',
    'get /v1/thing/{a}: a parameter twice',
    'get /v1/thing/{a}: 200 without description',
    'get /v1/thing/{c}: getThingByA twice',
    'get /v1/thing/{c}: no summary',
    'get /v1/thing/{c}: a parameter twice',
    'get /v1/thing/{c}: path parameters a, template c',
    'get /v1/thing/{c}: 200 without description',
    'nothing at #/components/responses/Nothing',
    'nothing at #/components/responses/Nothing',
  ]);
});
