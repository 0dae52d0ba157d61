import { durationError, parseDuration } from '@proconsul/base';
import { SessionMethods } from '@proconsul/endpoints';
import { type JsonValue, quoteJson } from '@proconsul/gojson';
import {
  checkId,
  DecodeError,
  firstFault,
  isObject,
  list,
  mismatch,
  named,
  type ServiceCheck,
  ServiceCheck as ServiceCheckSchema,
  Session,
  SessionRequest,
  str,
} from '@proconsul/schema';
import { type ApiExchange, badRequest, HttpError } from '../api-exchange.ts';
import { answerRead, type ReadSpec } from '../read.ts';
import { path, type Route } from '../route.ts';
import { blockingParams } from './kv.ts';

const sessions = list(Session);

/** Lock delays below this are seconds, negative ones too. Source: session documentation; answers of the reference. */
const LOCK_DELAY_SECONDS_BELOW = 1000;
const DEFAULT_LOCK_DELAY_NS = 15e9;

/** In nanoseconds; 0 for what says nothing of the kind. */
function lockDelay(json: Exclude<JsonValue, null>): number {
  const ns = typeof json === 'number' || typeof json === 'bigint' ? Math.trunc(Number(json)) : textDelay(json);
  if (ns >= LOCK_DELAY_SECONDS_BELOW) return Math.abs(ns) < 2 ** 63 ? ns : 0;
  // As 64 bits hold it, whatever comes of that.
  return Math.abs(ns) < 2 ** 63 ? Number(BigInt.asIntN(64, BigInt(ns) * 1_000_000_000n)) : 0;
}

function textDelay(json: JsonValue): number {
  if (typeof json !== 'string') return 0;
  const ns = parseDuration(json);
  if (ns === undefined) throw new DecodeError(durationError(json));
  return ns;
}

const at = (path: string) => ({ root: '', path: `Alias.${path}`, unknown: 'ignore' as const });
const behavior = named('structs.SessionBehavior');
const checkIds = list(checkId);

/** The type that errors name for a whole body. */
const BODY_TYPE = 'struct { LockDelay interface {}; *structs.Alias }';

/** A session body: like the structure, except for the lock delay, old `Checks`, and which null means what. */
function readSession(json: JsonValue, node: string): Session {
  let nodeChecks: readonly string[] | null = ['serfHealth'];
  let serviceChecks: readonly ServiceCheck[] | null = null;
  let checks: readonly string[] | null = null;
  let hasChecks = false;
  const out = { Name: '', Node: node, LockDelay: DEFAULT_LOCK_DELAY_NS, Behavior: 'release', TTL: '' };
  if (json !== null && !isObject(json)) mismatch(json, { root: '', path: '', unknown: 'ignore' }, BODY_TYPE);
  let delay: JsonValue = null;
  let fault: unknown;
  const take = (key: string, value: JsonValue): void => {
    const v = value as Exclude<JsonValue, null>;
    switch (key.toLowerCase()) {
      case 'id': // Looked at, and not taken over: each session gets an id of its own.
        if (value !== null) str.fromJson(v, at('ID'));
        break;
      case 'name':
        if (value !== null) out.Name = str.fromJson(v, at('Name'));
        break;
      case 'node':
        if (value !== null) out.Node = str.fromJson(v, at('Node'));
        break;
      case 'lockdelay':
        delay = value;
        break;
      case 'behavior':
        if (value !== null) out.Behavior = behavior.fromJson(v, at('Behavior')) || 'release';
        break;
      case 'ttl':
        if (value !== null) out.TTL = str.fromJson(v, at('TTL'));
        break;
      case 'nodechecks':
        nodeChecks = value === null ? null : list(str).fromJson(v, at('NodeChecks'));
        break;
      case 'servicechecks':
        serviceChecks = value === null ? null : list(ServiceCheckSchema).fromJson(v, at('ServiceChecks'));
        break;
      case 'checks':
        checks = value === null ? null : checkIds.fromJson(v, at('Checks'));
        hasChecks = true;
        break;
    }
  };
  for (const [key, value] of Object.entries(isObject(json) ? json : {})) {
    try {
      take(key, value);
    } catch (error) {
      fault = firstFault(fault, error);
    }
  }
  if (fault !== undefined) throw fault;
  if (delay !== null) out.LockDelay = lockDelay(delay);
  // The old form, when it is there and empty, empties the new one.
  if (hasChecks && (checks ?? []).length === 0) nodeChecks = [];
  checks = checksBeside(nodeChecks ?? [], checks ?? []);
  return Session.make({ ...out, NodeChecks: nodeChecks, ServiceChecks: serviceChecks, Checks: checks });
}

/** What the old form adds to the new one, if that says anything. Source: answers of the reference. */
function checksBeside(nodeChecks: readonly string[], checks: readonly string[]): readonly string[] | null {
  const added = nodeChecks.length === 0 ? [] : checks.filter((id) => !nodeChecks.includes(id));
  return added.length === 0 ? null : added;
}

async function create(x: ApiExchange): Promise<void> {
  const body = await x.readBody();
  const node = x.api.agent.nodeName;
  const session =
    body.length === 0
      ? readSession({}, node)
      : await x.decode(body, (json) => readSession(json, node), 'Request decode failed: ');
  const id = await x.api.caller.write(
    SessionMethods.Apply,
    SessionRequest.make({ ...x.commonArgs(), Op: 'create', Session: session }),
  );
  x.json(`{"ID":${quoteJson(id)}}`);
}

async function destroy(x: ApiExchange): Promise<void> {
  if (x.rest === '') throw badRequest('Missing session');
  await x.api.caller.write(
    SessionMethods.Apply,
    SessionRequest.make({ ...x.commonArgs(), Op: 'destroy', Session: Session.make({ ID: x.rest }) }),
  );
  x.json('true');
}

async function renew(x: ApiExchange): Promise<void> {
  if (x.rest === '') throw badRequest('Missing session');
  const session = await x.api.caller.write(SessionMethods.Renew, { ...x.commonArgs(), SessionID: x.rest });
  if (session === null) throw new HttpError(404, `Session id '${x.rest}' not found`);
  x.json(sessions.toJson([session]));
}

const render = (found: readonly Session[]) => ({ body: sessions.toJson(found) });

const info: ReadSpec<{ Datacenter: string; Token: string; SessionID: string }, readonly Session[]> = {
  method: SessionMethods.Get,
  meta: true,
  args: (x) => {
    if (x.rest === '') throw badRequest('Missing session');
    return { ...x.commonArgs(), SessionID: x.rest };
  },
  render,
};

const byNode: ReadSpec<{ Datacenter: string; Token: string; Node: string }, readonly Session[]> = {
  method: SessionMethods.NodeSessions,
  meta: true,
  args: (x) => {
    if (x.rest === '') throw badRequest('Missing node name');
    return { ...x.commonArgs(), Node: x.rest };
  },
  render,
};

const all: ReadSpec<{ Datacenter: string; Token: string }, readonly Session[]> = {
  method: SessionMethods.List,
  meta: true,
  args: (x) => x.commonArgs(),
  render,
};

const id = path('id', 'Session id.');
const reply = sessions;

export const sessionRoutes: readonly Route[] = [
  {
    path: '/v1/session/create',
    enterprise: 'full',
    operations: {
      PUT: { doc: 'Creates a session.', body: Session, reply: { type: 'object' }, run: create },
    },
  },
  {
    path: '/v1/session/destroy/',
    enterprise: 'full',
    operations: { PUT: { doc: 'Ends a session.', params: [id], reply: { type: 'boolean' }, run: destroy } },
  },
  {
    path: '/v1/session/renew/',
    enterprise: 'full',
    operations: {
      PUT: { paramsFirst: 'read', doc: 'Restarts the TTL of a session.', params: [id], reply, run: renew },
    },
  },
  {
    path: '/v1/session/info/',
    enterprise: 'full',
    operations: {
      GET: {
        paramsFirst: 'read',
        doc: 'Reads a session.',
        params: [id, ...blockingParams],
        reply,
        run: (x) => answerRead(x, info),
      },
    },
  },
  {
    path: '/v1/session/node/',
    enterprise: 'full',
    operations: {
      GET: {
        paramsFirst: 'read',
        doc: 'Lists the sessions of a node.',
        params: [path('node', 'Node name.'), ...blockingParams],
        reply,
        run: (x) => answerRead(x, byNode),
      },
    },
  },
  {
    path: '/v1/session/list',
    enterprise: 'full',
    operations: {
      GET: {
        paramsFirst: 'read',
        doc: 'Lists all sessions.',
        params: blockingParams,
        reply,
        run: (x) => answerRead(x, all),
      },
    },
  },
];
