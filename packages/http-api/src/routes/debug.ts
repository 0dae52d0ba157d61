import type { ApiExchange } from '../api-exchange.ts';
import { HttpError } from '../api-exchange.ts';
import { query, type Route } from '../route.ts';

/** Answers with a profile of the process, when `enable_debug` allows it. */
async function profile(x: ApiExchange): Promise<void> {
  // Recorded: without enable_debug these addresses do not exist.
  if (!x.api.settings().enableDebug) return x.bare(404);
  const text = x.query.get('seconds');
  const seconds = text === '' ? undefined : Number(text);
  if (seconds !== undefined && !Number.isFinite(seconds)) throw new HttpError(400, `Invalid seconds: ${text}`);
  const name = x.path.slice('/debug/pprof/'.length);
  const { contentType, bytes } = await x.api.agent.profile(name, seconds);
  x.send(200, [['Content-Type', contentType]], bytes);
}

const seconds = query('seconds', 'How long to look.', 'integer');

function route(name: string, doc: string): Route {
  return {
    path: `/debug/pprof/${name}`,
    enterprise: 'none',
    operations: { GET: { doc, params: [seconds], run: profile } },
  };
}

export const debugRoutes: readonly Route[] = [
  route('profile', 'Where processor time goes, as .cpuprofile.'),
  route('heap', 'Who allocates memory that stays, as .heapprofile.'),
  route('goroutine', 'What keeps the event loop alive, by kind.'),
  route('trace', 'Events of the runtime.'),
  route('cmdline', 'Arguments of the process.'),
];
