import { type CommonArgs, CoordinateMethods, type ListArgs } from '@proconsul/endpoints';
import { encodeBase64, quoteJson } from '@proconsul/gojson';
import { Coord, type Coordinate, Coordinate as CoordinateSchema, list, pointer, str, struct } from '@proconsul/schema';
import type { UserEvent } from '../agent-api.ts';
import { type ApiExchange, badRequest } from '../api-exchange.ts';
import { refuseEnterprise } from '../enterprise.ts';
import { answerRead, type ReadSpec } from '../read.ts';
import { path, query, type Route } from '../route.ts';
import { blockingParams } from './kv.ts';

const coordinates = list(CoordinateSchema);

/** Bodies of events; the encoded event has a smaller limit of its own. */
const EVENT_BODY_BYTES_MAX = 512 * 1024;

function eventJson(e: UserEvent): string {
  const payload = e.Payload === null || e.Payload.length === 0 ? 'null' : `"${encodeBase64(e.Payload)}"`;
  return `{"ID":${quoteJson(e.ID)},"Name":${quoteJson(e.Name)},"Payload":${payload},"NodeFilter":${quoteJson(e.NodeFilter)},"ServiceFilter":${quoteJson(e.ServiceFilter)},"TagFilter":${quoteJson(e.TagFilter)},"Version":${e.Version},"LTime":${e.LTime}}`;
}

async function fire(x: ApiExchange): Promise<void> {
  if (x.rest === '') throw badRequest('Missing name');
  const body = await x.readBody(EVENT_BODY_BYTES_MAX);
  const q = x.query;
  const event = await x.api.agent.fireEvent({
    Name: x.rest,
    Payload: body.length === 0 ? null : body,
    NodeFilter: q.get('node'),
    ServiceFilter: q.get('service'),
    TagFilter: q.get('tag'),
    Datacenter: x.datacenter,
    Token: x.token,
  });
  x.json(eventJson(event));
}

/** XOR of the two halves of the id: not an index of the log. Source: recorded answers. */
export function eventIndex(id: string): bigint {
  const digits = id.replaceAll('-', '');
  return BigInt(`0x${digits.slice(0, 16)}`) ^ BigInt(`0x${digits.slice(16)}`);
}

/** A missing wait means this long. */
const EVENT_WAIT_MS = 600_000;

function listEvents(x: ApiExchange): void {
  const blocking = x.blocking();
  const name = x.query.get('name');
  const given = x.query.has('index') ? BigInt(x.query.get('index') || '0') : 0n;
  const answer = () => {
    const found = x.api.agent.events().filter((e) => name === '' || e.Name === name);
    const last = found.at(-1);
    return { found, index: last === undefined ? 1n : eventIndex(last.ID) };
  };
  const send = () => {
    const { found, index } = answer();
    x.json(`[${found.map(eventJson).join(',')}]`, [['X-Consul-Index', String(index)]]);
  };
  if (given === 0n || answer().index !== given) {
    send();
    return;
  }
  const endsAt = x.api.clock.now() + (blocking.wait || EVENT_WAIT_MS);
  let cancel = () => {};
  let gone = false;
  const wait = () => {
    const left = endsAt - x.api.clock.now();
    cancel = x.api.agent.blockOnEvents(Math.max(0, left), () => {
      if (gone) return;
      if (answer().index !== given || x.api.clock.now() >= endsAt) send();
      else wait();
    });
  };
  x.req.onAbort(() => {
    gone = true;
    cancel();
  });
  wait();
}

type DatacenterCoordinates = {
  readonly Datacenter: string;
  readonly AreaID: string;
  readonly Coordinates: readonly Coordinate[];
};

const datacenters: ReadSpec<CommonArgs, readonly DatacenterCoordinates[]> = {
  method: CoordinateMethods.ListDatacenters,
  honours: 'none',
  args: (x) => ({ Datacenter: '', Token: x.token }),
  render: (found) => ({
    body: `[${found.map((d) => `{"Datacenter":${quoteJson(d.Datacenter)},"AreaID":${quoteJson(d.AreaID)},"Coordinates":${coordinates.toJson(d.Coordinates)}}`).join(',')}]`,
  }),
};

/** `?segment=` keeps the coordinates of that segment; without it all are shown. */
const ofSegment = (x: ApiExchange, found: readonly Coordinate[]): readonly Coordinate[] =>
  x.query.has('segment') ? found.filter((c) => c.Segment === x.query.get('segment')) : found;

const nodes: ReadSpec<ListArgs, readonly Coordinate[]> = {
  method: CoordinateMethods.ListNodes,
  meta: true,
  args: (x) => x.listArgs(),
  render: (found, x) => ({ body: coordinates.toJson(ofSegment(x, found)) }),
};

const node: ReadSpec<CommonArgs & { readonly Node: string }, readonly Coordinate[]> = {
  method: CoordinateMethods.Node,
  meta: true,
  args: (x) => ({ ...x.commonArgs(), Node: x.rest }),
  render: (found, x) => {
    const kept = ofSegment(x, found);
    return kept.length === 0 ? { status: 404, body: null, bare: true } : { body: coordinates.toJson(kept) };
  },
};

/** A token in the body is read, and not looked at. */
const Update = struct('CoordinateUpdateRequest', {
  ...{ Datacenter: str, Node: str, Segment: str, Coord: pointer(Coord), Token: str },
});

async function update(x: ApiExchange): Promise<void> {
  const {
    Datacenter,
    Token: _,
    ...given
  } = await x.decodeBody(Update, 'Request decode failed: ', { unknown: 'reject' });
  refuseEnterprise(x, 'full');
  const { Datacenter: asked, Token } = x.commonArgs();
  // What the query names wins, ours too.
  const inBody = Datacenter === x.api.datacenter ? '' : Datacenter;
  const isAsked = x.query.get('datacenter') !== '' || x.query.get('dc') !== '';
  await x.api.caller.write(CoordinateMethods.Update, {
    ...CoordinateSchema.make(given),
    ...{ Datacenter: isAsked ? asked : inBody, Token },
  });
  x.ok();
}

const name = path('name', 'Name of the event.');
const segment = query('segment', 'Only coordinates of this network segment.');

export const eventRoutes: readonly Route[] = [
  {
    path: '/v1/event/fire/',
    enterprise: 'none',
    operations: {
      PUT: {
        doc: 'Fires a user event; the body is its payload.',
        params: [
          name,
          query('node', 'Regular expression for the names of the nodes that take it.'),
          query('service', 'Regular expression for a service that the node must have.'),
          query('tag', 'Regular expression for a tag of that service.'),
        ],
        reply: { type: 'object' },
        run: fire,
      },
    },
  },
  {
    path: '/v1/event/list',
    enterprise: 'none',
    operations: {
      GET: {
        doc: 'Lists the last events that this agent saw.',
        params: [query('name', 'Only events of this name.'), ...blockingParams],
        reply: { type: 'array' },
        run: listEvents,
      },
    },
  },
];

export const coordinateRoutes: readonly Route[] = [
  {
    path: '/v1/coordinate/datacenters',
    enterprise: 'none',
    operations: {
      GET: {
        doc: 'WAN coordinates of the servers by datacenter.',
        reply: { type: 'array' },
        run: (x) => answerRead(x, datacenters),
      },
    },
  },
  {
    path: '/v1/coordinate/nodes',
    enterprise: 'partition',
    operations: {
      GET: {
        paramsFirst: 'read',
        doc: 'LAN coordinates of all nodes.',
        params: [segment, ...blockingParams],
        reply: coordinates,
        run: (x) => answerRead(x, nodes),
      },
    },
  },
  {
    path: '/v1/coordinate/node/',
    enterprise: 'partition',
    operations: {
      GET: {
        paramsFirst: 'read',
        doc: 'LAN coordinates of a node.',
        params: [path('node', 'Node name.'), segment, ...blockingParams],
        reply: coordinates,
        run: (x) => answerRead(x, node),
      },
    },
  },
  {
    path: '/v1/coordinate/update',
    enterprise: 'none',
    operations: { PUT: { doc: 'Sets the coordinate of a node.', body: CoordinateSchema, run: update } },
  },
];
