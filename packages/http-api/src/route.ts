import type { Kind } from '@proconsul/schema';
import type { ApiExchange } from './api-exchange.ts';
import type { EnterpriseCheck } from './enterprise.ts';

export type Verb = 'GET' | 'PUT' | 'POST' | 'DELETE';

/** One parameter of a route, for the description. */
export interface Param {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly doc: string;
  readonly type?: 'string' | 'integer' | 'boolean' | 'duration';
}

/** A JSON Schema; or what has one, which is made when the description is asked for, as most agents never are. */
export type Described = Readonly<Record<string, unknown>> | Pick<Kind<unknown>, 'describe'>;

export const schemaOf = (of: Described): Readonly<Record<string, unknown>> =>
  typeof of['describe'] === 'function' ? of['describe']() : of;

export interface Operation {
  readonly doc: string;
  readonly params?: readonly Param[];
  /** The request body, for the description. */
  readonly body?: Described;
  /** A 200 answer, for the description. */
  readonly reply?: Described;
  /** Where it is not the route's; `none` also where `run` looks for them itself, after something else. */
  readonly enterprise?: EnterpriseCheck;
  /** The common parameters of reads, or those of waiting alone, are looked at before those of the enterprise edition. */
  readonly paramsFirst?: 'read' | 'blocking';
  /** Answers, or throws: EndpointError and AgentError carry their status; anything else is a 500 with its text. */
  run(x: ApiExchange): void | Promise<void>;
}

export interface Route {
  /** Exact path; or a prefix when it ends with a slash: everything after it is the identifier, slashes included. */
  readonly path: string;
  readonly enterprise: EnterpriseCheck;
  /** In the order that `Allow` lists them. */
  readonly operations: Partial<Readonly<Record<Verb, Operation>>>;
  /** Set for `/v1/query/`, which answers OPTIONS and wrong methods by itself. */
  readonly allow?: (rest: string) => { readonly options: string; readonly wrong: string };
}

export const query = (name: string, doc: string, type: Param['type'] = 'string'): Param => ({
  name,
  in: 'query',
  doc,
  type,
});
export const path = (name: string, doc: string): Param => ({ name, in: 'path', doc, type: 'string' });

/** Finds the route of a decoded path: exact ones first, then the longest prefix. */
export class Router {
  readonly #exact = new Map<string, Route>();
  readonly #prefix = new Map<string, Route>();

  readonly #prefixLengthMax: number;

  constructor(routes: readonly Route[]) {
    for (const r of routes) (r.path.endsWith('/') ? this.#prefix : this.#exact).set(r.path, r);
    this.#prefixLengthMax = Math.max(0, ...[...this.#prefix.keys()].map((path) => path.length));
  }

  get routes(): readonly Route[] {
    return [...this.#exact.values(), ...this.#prefix.values()];
  }

  find(path: string): { route: Route; rest: string } | 'redirect' | undefined {
    const exact = this.#exact.get(path);
    if (exact !== undefined) return { route: exact, rest: '' };
    // Not from the end: a key of nothing but slashes would be looked up once for each of them.
    const last = this.#prefixLengthMax - 1;
    for (let slash = path.lastIndexOf('/', last); slash >= 0; slash = path.lastIndexOf('/', slash - 1)) {
      const route = this.#prefix.get(path.slice(0, slash + 1));
      if (route !== undefined) return { route, rest: path.slice(slash + 1) };
      if (slash === 0) break;
    }
    return this.#prefix.has(`${path}/`) ? 'redirect' : undefined;
  }
}

/** `/a//b/../c/` becomes `/a/c/`. Source: Go documentation of path cleaning in its request router. */
export function cleanPath(path: string): string {
  if (path.startsWith('/') && !path.includes('//') && !path.includes('/.')) return path;
  const out: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') out.pop();
    else out.push(part);
  }
  const cleaned = `/${out.join('/')}`;
  return path.endsWith('/') && cleaned !== '/' ? `${cleaned}/` : cleaned;
}
