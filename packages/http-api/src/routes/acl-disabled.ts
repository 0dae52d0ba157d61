import { type ApiExchange, HttpError } from '../api-exchange.ts';
import type { Operation, Route, Verb } from '../route.ts';

function refuse(_: ApiExchange): void {
  throw new HttpError(401, 'ACL support disabled');
}

const operations = (verbs: readonly Verb[]): Partial<Record<Verb, Operation>> =>
  Object.fromEntries(verbs.map((v) => [v, { doc: 'Access control is off: answers 401.', run: refuse }]));

const ROUTES: readonly (readonly [path: string, verbs: readonly Verb[]])[] = [
  ['/v1/acl/bootstrap', ['PUT']],
  ['/v1/acl/replication', ['GET']],
  ['/v1/acl/token', ['PUT']],
  ['/v1/acl/token/', ['GET', 'PUT', 'DELETE']],
  ['/v1/acl/token/self', ['GET']],
  ['/v1/acl/tokens', ['GET']],
  ['/v1/acl/policy', ['PUT']],
  ['/v1/acl/policy/', ['GET', 'PUT', 'DELETE']],
  ['/v1/acl/policy/name/', ['GET']],
  ['/v1/acl/policies', ['GET']],
  ['/v1/acl/role', ['PUT']],
  ['/v1/acl/role/', ['GET', 'PUT', 'DELETE']],
  ['/v1/acl/role/name/', ['GET']],
  ['/v1/acl/roles', ['GET']],
  ['/v1/acl/binding-rule', ['PUT']],
  ['/v1/acl/binding-rule/', ['GET', 'PUT', 'DELETE']],
  ['/v1/acl/binding-rules', ['GET']],
  ['/v1/acl/auth-method', ['PUT']],
  ['/v1/acl/auth-method/', ['GET', 'PUT', 'DELETE']],
  ['/v1/acl/auth-methods', ['GET']],
  ['/v1/acl/templated-policies', ['GET']],
  ['/v1/acl/templated-policy/name/', ['GET']],
  ['/v1/acl/templated-policy/preview/', ['POST']],
  ['/v1/acl/login', ['POST']],
  ['/v1/acl/logout', ['POST']],
  ['/v1/internal/acl/authorize', ['POST']],
];

/** What access control answers while it is off: an agent of ours does not start with it on. */
export const aclDisabledRoutes: readonly Route[] = ROUTES.map(([path, verbs]) => ({
  path,
  enterprise: 'none',
  operations: operations(verbs),
}));
