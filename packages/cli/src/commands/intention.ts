import { readFileSync } from 'node:fs';
import { ApiError, escapeSegment } from '@proconsul/client';
import { kindName, parseJsonDocument } from '@proconsul/gojson';
import { columns } from '../columns.ts';
import { CommandError, type Context, command } from '../command.ts';
import { goError, readError } from '../go-error.ts';

interface Intention {
  ID?: string;
  Description?: string;
  SourceName: string;
  DestinationName: string;
  SourceType?: string;
  Action?: string;
  Permissions?: unknown[];
  Precedence?: number;
  Meta?: Record<string, string>;
  CreatedAt?: string;
}

const COMMON = { http: { server: true, scope: 'namespace' } } as const;
const BASE = '/v1/connect/intentions';
const EXIT_NONE = 2;

const describe = (one: Intention): string => `${one.SourceName} => ${one.DestinationName} (${actionOf(one)})`;

function actionOf(one: Intention): string {
  if (one.Action) return one.Action;
  const count = one.Permissions?.length ?? 0;
  return count === 0 ? '' : `${count} PERM${count === 1 ? '' : 'S'}`;
}

const createFlags = {
  allow: { kind: 'bool', doc: 'Allow connections; this is what is meant when nothing is said.' },
  deny: { kind: 'bool', doc: 'Deny connections.' },
  file: { kind: 'bool', doc: 'The arguments are files with intentions in JSON.' },
  meta: { kind: 'map', doc: 'Metadata key=value to store with the intention. May be repeated.' },
  replace: { kind: 'bool', doc: 'Replace an intention that exists for the same two services.' },
} as const;

export const intentionCreate = command({
  ...COMMON,
  name: 'intention create',
  args: '[options] SRC DST',
  help: 'Creates an intention: whether SRC may connect to DST.\n\n    $ consul intention create -deny web db',
  flags: createFlags,
  async run(c) {
    const { allow, deny } = c.flags;
    if (allow && deny) return c.fail('Only one of -allow or -deny may be specified.');
    for (const intention of intentionsOf(c)) await create(c, intention);
    return 0;
  },
});

function intentionsOf(c: Context<typeof createFlags>): Intention[] {
  const { file, deny, meta } = c.flags;
  if (file) return c.args.map(readIntention);
  const [source, destination] = c.args;
  if (source === undefined || destination === undefined || c.args.length !== 2) {
    throw new CommandError('Error: Must specify two arguments: source and destination');
  }
  return [
    {
      SourceName: source,
      DestinationName: destination,
      SourceType: 'consul',
      Action: deny ? 'deny' : 'allow',
      ...(Object.keys(meta).length > 0 ? { Meta: meta } : {}),
    },
  ];
}

function readIntention(path: string): Intention {
  try {
    const found = parseJsonDocument(readFileSync(path));
    if (found !== null && typeof found === 'object' && !Array.isArray(found)) return found as unknown as Intention;
    throw new Error(`json: cannot unmarshal ${kindName(found)} into Go value of type api.Intention`);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new CommandError(`Error: ${code ? readError(error, path) : goError(error)}`);
  }
}

async function create(c: Context<typeof createFlags>, intention: Intention): Promise<void> {
  const { http } = c.consul;
  const { SourceName: source, DestinationName: destination } = intention;
  if (c.flags.replace) {
    const prefix = `Error looking up intention for replacement with source "${source}" and destination "${destination}": `;
    const old = await c.attempt(prefix, () => exact(c, source, destination));
    if (old?.ID) {
      const path = `${BASE}/${old.ID}`;
      const change = `Error replacing intention with source "${source}" and destination "${destination}": `;
      await c.attempt(change, () => http.write('PUT', path, intention));
      return;
    }
  }
  await c.attempt(`Error creating intention "${describe(intention)}": `, () => http.write('POST', BASE, intention));
  c.print(`Created: ${describe(intention)}`);
}

/** The intention between exactly these two, or undefined. */
async function exact(c: Context, source: string, destination: string): Promise<Intention | undefined> {
  try {
    return (await c.consul.http.read<Intention>(`${BASE}/exact`, {}, { source, destination })).value;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined;
    throw error;
  }
}

export const intentionDelete = command({
  ...COMMON,
  name: 'intention delete',
  args: '[options] SRC DST',
  help: 'Deletes an intention, by its two services or by its ID.\n\n    $ consul intention delete web db',
  flags: {},
  async run(c) {
    const [source = '', destination] = c.args;
    if (c.args.length < 1 || c.args.length > 2) return c.fail('command requires exactly 1 or 2 arguments');
    const { http } = c.consul;
    await c.attempt('Error deleting the intention: ', () =>
      destination === undefined
        ? http.write('DELETE', `${BASE}/${escapeSegment(source)}`, undefined)
        : http.write('DELETE', `${BASE}/exact`, undefined, {}, { source, destination }),
    );
    c.print('Intention deleted.');
    return 0;
  },
});

export const intentionGet = command({
  ...COMMON,
  name: 'intention get',
  args: '[options] SRC DST',
  help: 'Shows an intention, by its two services or by its ID.\n\n    $ consul intention get web db',
  flags: {},
  async run(c) {
    if (c.args.length < 1 || c.args.length > 2) return c.fail('command requires exactly 1 or 2 arguments');
    const intention = await lookUp(c);
    if (!intention) {
      const [source, destination] = c.args;
      if (destination === undefined) return c.fail(`Intention not found with ID "${source}"`);
      return c.fail(`Intention not found with source "${source}" and destination "${destination}"`);
    }
    const meta = Object.entries(intention.Meta ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
    const rows: [string, string][] = [
      ['Source:', intention.SourceName],
      ['Destination:', intention.DestinationName],
      ['Action:', actionOf(intention)],
    ];
    if (intention.ID) rows.push(['ID:', intention.ID]);
    if (intention.Description) rows.push(['Description:', intention.Description]);
    for (const [key, value] of meta) rows.push([`Meta[${key}]:`, value]);
    rows.push(['Created At:', longDate(intention.CreatedAt || NEVER)]);
    c.print(columns(rows));
    return 0;
  },
});

async function lookUp(c: Context): Promise<Intention | undefined> {
  const [source = '', destination] = c.args;
  if (destination !== undefined) {
    return c.attempt('Error reading the intention: ', () => exact(c, source, destination));
  }
  try {
    return (await c.consul.http.read<Intention>(`${BASE}/${escapeSegment(source)}`, {})).value;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined;
    const text = error instanceof ApiError ? `Unexpected response ${error.status}: ${error.body}` : goError(error);
    throw new CommandError(`Error reading the intention: ${text}`);
  }
}

/** What was never created, as part of an entry, is from the first moment of the calendar. Source: recorded output. */
const NEVER = '0001-01-01T00:00:00Z';
const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];

/** `Saturday, 21-Nov-26 02:21:35 UTC`. Source: RFC 850 as Go writes it. */
function longDate(text: string): string {
  const date = new Date(text);
  const [year, , day] = date.toISOString().slice(2, 10).split('-');
  const month = date.toUTCString().slice(8, 11);
  return `${DAYS[date.getUTCDay()]}, ${day}-${month}-${year} ${date.toISOString().slice(11, 19)} UTC`;
}

export const intentionList = command({
  ...COMMON,
  name: 'intention list',
  args: '',
  help: 'Lists all intentions, those that win first.',
  flags: {},
  async run(c) {
    const { http } = c.consul;
    const { value } = await c.attempt('Failed to retrieve the intentions list: ', () =>
      http.read<Intention[]>(BASE, {}),
    );
    if (value.length === 0) {
      c.warn('There are no intentions.');
      return EXIT_NONE;
    }
    const rows = value.map((one) => [
      one.ID ?? '',
      one.SourceName,
      actionOf(one),
      one.DestinationName,
      String(one.Precedence),
    ]);
    c.print(columns([['ID', 'Source', 'Action', 'Destination', 'Precedence'], ...rows]));
    return 0;
  },
});

export const intentionCheck = command({
  ...COMMON,
  name: 'intention check',
  args: '[options] SRC DST',
  help: 'Tells whether SRC may connect to DST. Exit code 0: allowed; 1: denied; 2: it could not be found out.',
  flagErrorCode: 2,
  flags: {},
  async run(c) {
    const [source, destination] = c.args;
    if (c.args.length !== 2) throw new CommandError('Error: command requires exactly two arguments: src and dst', 2);
    const params = { source, destination, 'source-type': 'consul' };
    let allowed: boolean;
    try {
      allowed = (await c.consul.http.read<{ Allowed: boolean }>(`${BASE}/check`, {}, params)).value.Allowed;
    } catch (error) {
      throw new CommandError(`Error checking the connection: ${goError(error)}`, 2);
    }
    c.print(allowed ? 'Allowed' : 'Denied');
    return allowed ? 0 : 1;
  },
});

export const intentionMatch = command({
  ...COMMON,
  name: 'intention match',
  args: '[options] SRC|DST',
  help: 'Shows the intentions that concern a service as destination, or with -source as source, in the order they apply.',
  flagErrorCode: 2,
  flags: {
    destination: { kind: 'bool', doc: 'Intentions towards the service; this is what is meant when nothing is said.' },
    source: { kind: 'bool', doc: 'Intentions from the service.' },
  },
  async run(c) {
    const [name] = c.args;
    if (name === undefined || c.args.length !== 1)
      return c.fail('Error: command requires exactly one argument: src or dst');
    const { source, destination } = c.flags;
    if (source && destination) return c.fail('Error: only one of -source or -destination may be specified');
    const { http } = c.consul;
    const params = { by: source ? 'source' : 'destination', name };
    const { value } = await c.attempt('Error matching the connection: ', () =>
      http.read<Record<string, Intention[]>>(`${BASE}/match`, {}, params),
    );
    for (const intention of value[name] ?? []) c.print(describe(intention));
    return 0;
  },
});
