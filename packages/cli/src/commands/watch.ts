import { shapeOf, type WatchType } from '@proconsul/agent/watch-shapes';
import { formatDuration } from '@proconsul/base';
import { type BlockingRead, type Params, type Uint64, watch } from '@proconsul/client';
import { parseBool } from '@proconsul/client/node';
import { CommandError, type Context, command } from '../command.ts';
import { goQuote } from '../flags.ts';
import { goError } from '../go-error.ts';
import { toGoJson } from '../go-json.ts';
import { Child, endText } from './child.ts';

/** The pause after the nth failure in a row is n squared times this, at most the other. Source: recorded log lines. */
const RETRY_STEP_MS = 5_000;
const RETRY_MAX_MS = 180_000;

const flags = {
  filter: { kind: 'string', doc: 'Filter expression that the agent applies.' },
  key: { kind: 'string', doc: "The key to watch, for the type 'key'." },
  name: { kind: 'string', doc: "Name of the events to watch, for the type 'event'." },
  passingonly: {
    kind: 'string',
    type: '[true|false]',
    doc: "Only instances whose checks all pass, for the type 'service'.",
  },
  prefix: { kind: 'string', doc: "The prefix to watch, for the type 'keyprefix'." },
  service: { kind: 'string', doc: "The service to watch, for the types 'service' and 'checks'." },
  shell: { kind: 'bool', default: true, doc: 'Let a shell read the command ($SHELL, or /bin/sh).' },
  state: { kind: 'string', doc: "The state of checks to watch, for the type 'checks'." },
  tag: { kind: 'list', doc: "Only instances with this tag, for the type 'service'. May be repeated." },
  type: {
    kind: 'string',
    doc: 'What to watch: key, keyprefix, services, nodes, service, checks or event.',
  },
} as const;

type WatchContext = Context<typeof flags>;

export const watchCommand = command({
  name: 'watch',
  args: '[options] [child...]',
  help:
    'Waits for changes of a view of the cluster. With a child command: runs it at each change with the view as JSON on\n' +
    'its standard input, until interrupted. Without one: prints the view once.\n\n' +
    '    $ consul watch -type=key -key=web/config ./reload.sh',
  http: { server: true },
  flags,
  async run(c) {
    if (c.flags.type === '') return c.failWithHelp('Watch type must be specified');
    const plan = planOf(c);
    const { status } = c.consul;
    await c.attempt('Error querying Consul agent: ', () => status.leader());
    return c.args.length === 0 ? printOnce(c, plan) : handleChanges(c, plan);
  },
});

interface Plan {
  readonly type: WatchType;
  readonly path: string;
  readonly params: Params;
  /** Why it can never be asked; told again and again like a failure. */
  readonly problem?: string;
}

/** States of checks; none given means any. */
const STATES = new Set(['', 'any', 'passing', 'warning', 'critical', 'maintenance']);

const NOT_IN_CLI = new Set(['connect_roots', 'connect_leaf', 'agent_service']);

/** Turns flags into a request. Throws CommandError. */
function planOf(c: WatchContext): Plan {
  const { type, key, prefix, service, state, name, filter, tag } = c.flags;
  const used = new Set<string>();
  const take = <T>(flag: string, value: T): T => {
    used.add(flag);
    return value;
  };
  const passingOnly = parsePassingOnly(c.flags.passingonly);
  if (NOT_IN_CLI.has(type)) throw new CommandError(`Type ${type} is not supported in the CLI tool`);
  const plan = ((): Plan => {
    switch (type) {
      case 'key':
        return { type, path: `/v1/kv/${pathOf(need('key', take('key', key)))}`, params: {} };
      case 'keyprefix':
        return { type, path: `/v1/kv/${pathOf(need('prefix', take('prefix', prefix)))}`, params: { recurse: true } };
      case 'services':
        return { type, path: '/v1/catalog/services', params: { filter: take('filter', filter) } };
      case 'nodes':
        return { type, path: '/v1/catalog/nodes', params: { filter: take('filter', filter) } };
      case 'service': {
        const path = `/v1/health/service/${pathOf(need('service', take('service', service)))}`;
        take('passingonly', passingOnly);
        return {
          type,
          path,
          params: { tag: take('tag', tag), passing: passingOnly && '1', filter: take('filter', filter) },
        };
      }
      case 'checks':
        return {
          type,
          path: checksPath(take('service', service), take('state', state)),
          params: { filter: take('filter', filter) },
          ...(STATES.has(state) ? {} : { problem: `Unsupported state: ${state}` }),
        };
      case 'event':
        return { type, path: '/v1/event/list', params: { name: take('name', name) } };
      default:
        throw new CommandError(`Unsupported watch type: ${type}`);
    }
  })();
  const given = { key, prefix, service, state, name, filter, tag: tag.join(), passingonly: c.flags.passingonly };
  const unused = Object.entries(given).filter(([flag, value]) => value !== '' && !used.has(flag));
  if (unused.length > 0) throw new CommandError(`Invalid parameters: [${unused.map(([flag]) => flag).join(' ')}]`);
  return plan;
}

function parsePassingOnly(text: string): boolean {
  if (text === '') return false;
  const value = parseBool(text);
  if (value !== undefined) return value;
  const reason = `strconv.ParseBool: parsing ${goQuote(text)}: invalid syntax`;
  throw new CommandError(`Failed to parse passingonly flag: ${reason}`);
}

function need(what: string, value: string): string {
  if (value === '') throw new CommandError(`Must specify a single ${what} to watch`);
  return value;
}

const pathOf = (text: string): string => encodeURI(text.replace(/^\//, '')).replace(/[?#]/g, encodeURIComponent);

function checksPath(service: string, state: string): string {
  if (service !== '' && state !== '') throw new CommandError('Cannot specify service and state');
  if (service !== '') return `/v1/health/checks/${pathOf(service)}`;
  return `/v1/health/state/${pathOf(state || 'any')}`;
}

interface View {
  readonly data: unknown;
  readonly index: Uint64;
}

/** The changes of a plan. Failures are told as log lines and repeated. */
async function* views(c: WatchContext, plan: Plan, signal: AbortSignal): AsyncGenerator<View> {
  const { http } = c.consul;
  const shape = shapeOf(plan.type);
  const missing = plan.type === 'key' || plan.type === 'keyprefix' ? { value: null } : undefined;
  const problems = problemLog(c, plan.type, signal);
  const read = async (block: BlockingRead) => {
    for (;;) {
      try {
        if (plan.problem !== undefined) throw new Error(plan.problem);
        const answer = await http.read<unknown>(plan.path, block, plan.params, missing);
        problems.clear();
        return answer;
      } catch (error) {
        if (block.signal.aborted || signal.aborted) throw error;
        await problems.tell(error);
      }
    }
  };
  let events: unknown;
  for await (const { value, meta } of watch(read, { signal, opaqueIndex: plan.type === 'event' })) {
    const fresh = plan.type === 'event' ? newEvents(value as EventRow[], events as string | undefined) : value;
    if (plan.type === 'event') events = (value as EventRow[]).at(-1)?.ID ?? events;
    yield { data: shape(fresh), index: meta.index };
  }
}

type EventRow = { readonly ID: string };

/** Those after the last one that was seen, or all of them when it is not in the list any more. */
function newEvents(events: readonly EventRow[], last: string | undefined): readonly EventRow[] {
  return events.slice(events.findIndex((event) => event.ID === last) + 1);
}

function problemLog(c: WatchContext, type: string, signal: AbortSignal) {
  let failures = 0;
  return {
    clear: () => {
      failures = 0;
    },
    /** Writes one log line, and resolves when it is time to try again. */
    tell: async (error: unknown) => {
      failures++;
      const pauseMs = Math.min(RETRY_STEP_MS * failures ** 2, RETRY_MAX_MS);
      const retry = formatDuration(pauseMs * 1e6);
      // Of what stands between the quotes only quotes are escaped.
      const text = `"${goError(error).replaceAll('"', '\\"')}"`;
      c.warn(
        `${new Date().toISOString()} [ERROR] watch.watch: Watch errored: type=${type} error=${text} retry=${retry}`,
      );
      await new Promise<void>((resolve) => {
        const done = () => {
          clearTimeout(timer);
          signal.removeEventListener('abort', done);
          resolve();
        };
        const timer = setTimeout(done, pauseMs);
        signal.addEventListener('abort', done, { once: true });
      });
    },
  };
}

async function printOnce(c: WatchContext, plan: Plan): Promise<number> {
  const stop = new AbortController();
  const off = c.io.onSignal(() => stop.abort());
  try {
    for await (const view of views(c, plan, stop.signal)) {
      c.print(toGoJson(view.data, '    '));
      break;
    }
    return 0;
  } finally {
    stop.abort();
    off();
  }
}

async function handleChanges(c: WatchContext, plan: Plan): Promise<number> {
  const stop = new AbortController();
  let child: Child | undefined;
  const off = c.io.onSignal((signal) => {
    child?.kill(signal);
    stop.abort();
  });
  try {
    for await (const view of views(c, plan, stop.signal)) {
      const stdin = Buffer.from(`${toGoJson(view.data)}\n`);
      const options = { shell: c.flags.shell, io: c.io, env: { CONSUL_INDEX: String(view.index) }, stdin };
      try {
        child = await Child.start(c.args, options);
      } catch (error) {
        return c.fail(`Error starting handler: ${goError(error)}`);
      }
      const text = endText(await child.ended);
      child = undefined;
      // A signal to the whole group may have ended the child first: ours is on its way.
      await new Promise((resolve) => setImmediate(resolve));
      if (text !== undefined && !stop.signal.aborted) return c.fail(`Error executing handler: ${text}`);
    }
    return 0;
  } finally {
    off();
    stop.abort();
  }
}
