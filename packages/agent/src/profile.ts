import type { Session } from 'node:inspector/promises';
import { type Clock, CodedError, sleep, utf8 } from '@proconsul/base';

/** What can be asked for below `/debug/pprof/`. */
export const PROFILE_NAMES = ['profile', 'heap', 'goroutine', 'trace', 'cmdline'] as const;
export type ProfileName = (typeof PROFILE_NAMES)[number];

/** Seconds that a profile takes when the request does not say. Source: documentation of Go's net/http/pprof. */
export const DEFAULT_SECONDS: Readonly<Record<ProfileName, number>> = {
  profile: 30,
  heap: 1,
  goroutine: 0,
  trace: 1,
  cmdline: 0,
};

/** Longer profiles are cut to this. */
export const PROFILE_SECONDS_MAX = 600;

/** Bytes of trace that are kept; later events are dropped. */
export const TRACE_BYTES_MAX = 64 * 1024 * 1024;

/** Time between two samples of the heap, in bytes allocated. Source: documentation of the HeapProfiler domain. */
const HEAP_SAMPLING_BYTES = 32 * 1024;

export interface Profile {
  readonly contentType: string;
  readonly bytes: Uint8Array;
}

export interface ProfileOptions {
  /** From `?seconds=`; undefined for the default of the name. */
  readonly seconds?: number | undefined;
  /** Ends it early: the profile of the time until then is still answered. */
  readonly signal?: AbortSignal | undefined;
}

/** Another profile of this kind is being taken. */
export class ProfileBusyError extends CodedError {
  override readonly name = 'ProfileBusyError';
  constructor(kind: ProfileName) {
    super('PROFILE_BUSY', `Could not enable ${kind} profiling: ${kind} profiling already in use`, { kind });
  }
}

export const isProfileName = (name: string): name is ProfileName => (PROFILE_NAMES as readonly string[]).includes(name);

/** Kinds that are being taken: each at most once at a time, for the whole process. */
const busy = new Set<ProfileName>();

/**
 * Looks into this process while it works:
 *
 *     profile     where processor time goes, as .cpuprofile (JSON; Chrome, VS Code and speedscope open it)
 *     heap        who allocates memory that stays, sampled over the time, as .heapprofile (JSON)
 *     goroutine   what keeps the event loop alive, by kind, as text
 *     trace       events of the runtime (JSON, trace event format)
 *     cmdline     arguments of the process, separated by NUL
 *
 * These are not the formats of the reference agent, whose tools know only its own runtime; the names are kept so that
 * `consul debug` finds them. Rejects with ProfileBusyError when the same kind is being taken already.
 */
export async function takeProfile(name: ProfileName, options: ProfileOptions, clock: Clock): Promise<Profile> {
  const wanted = options.seconds ?? DEFAULT_SECONDS[name];
  const seconds = Math.min(PROFILE_SECONDS_MAX, Math.max(0, Number.isFinite(wanted) ? wanted : 0));
  if (name === 'cmdline') return { contentType: 'text/plain; charset=utf-8', bytes: utf8(commandLine().join('\0')) };
  if (name === 'goroutine') return { contentType: 'text/plain; charset=utf-8', bytes: utf8(resourceList()) };
  if (busy.has(name)) throw new ProfileBusyError(name);
  busy.add(name);
  // Loaded for the first profile: an agent that nobody looks into stays smaller.
  const inspector = await import('node:inspector/promises');
  const session = new inspector.Session();
  try {
    session.connect();
    const wait = () => sleep(clock, seconds * 1000, options.signal);
    return { contentType: 'application/json', bytes: utf8(await TAKERS[name](session, wait)) };
  } finally {
    session.disconnect();
    busy.delete(name);
  }
}

type Taker = (session: Session, wait: () => Promise<void>) => Promise<string>;

const TAKERS: Readonly<Record<'profile' | 'heap' | 'trace', Taker>> = {
  async profile(session, wait) {
    await session.post('Profiler.enable');
    await session.post('Profiler.start');
    await wait();
    const { profile } = await session.post('Profiler.stop');
    return JSON.stringify(profile);
  },
  async heap(session, wait) {
    await session.post('HeapProfiler.enable');
    await session.post('HeapProfiler.startSampling', { samplingInterval: HEAP_SAMPLING_BYTES });
    await wait();
    const { profile } = await session.post('HeapProfiler.stopSampling');
    return JSON.stringify(profile);
  },
  async trace(session, wait) {
    const events: string[] = [];
    let size = 0;
    session.on('NodeTracing.dataCollected', ({ params }) => {
      for (const event of params.value) {
        const text = JSON.stringify(event);
        size += text.length;
        if (size <= TRACE_BYTES_MAX) events.push(text);
      }
    });
    const complete = new Promise<void>((done) => session.once('NodeTracing.tracingComplete', () => done()));
    await session.post('NodeTracing.start', {
      traceConfig: { includedCategories: ['v8', 'node', 'node.async_hooks'] },
    });
    await wait();
    await session.post('NodeTracing.stop');
    await complete;
    return `{"traceEvents":[${events.join(',')}]}`;
  },
};

const commandLine = (): readonly string[] => [process.execPath, ...process.execArgv, ...process.argv.slice(1)];

/** `resource profile: total 12`, then a line for each kind, the most frequent first. */
function resourceList(): string {
  const counts = new Map<string, number>();
  const all = process.getActiveResourcesInfo();
  for (const kind of all) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  const rows = [...counts].sort((a, b) => b[1] - a[1]).map(([kind, count]) => `${count} ${kind}\n`);
  return `resource profile: total ${all.length}\n${rows.join('')}`;
}
