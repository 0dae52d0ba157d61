import type { Clock } from '@proconsul/base';
import {
  type CheckKind,
  type CheckType,
  checkKind,
  OUTPUT_MAX_SIZE_DEFAULT,
  type RawResult,
  timeoutMs,
} from '@proconsul/checks';
import type { CheckTls, Runner } from './runner.ts';
import type { Spawner } from './spawner.ts';

export type { CheckTls, RunContext, Runner } from './runner.ts';

export interface CheckRunnerOptions {
  /** Bytes of output kept for checks that do not say (`check_output_max_size`). */
  readonly outputMaxSize?: number;
  /** The agent's own TLS material, for `enable_agent_tls_for_checks`. */
  readonly tls?: CheckTls;
  /** As in DOCKER_HOST; the engine's usual socket when empty. */
  readonly dockerHost?: string;
  /** Starts scripts when there are many; without it the process itself starts them all. */
  readonly spawner?: Spawner | undefined;
}

/** Each runner is loaded when the first check of its kind runs, so that unused node modules cost nothing. */
const loaders: Readonly<Record<Exclude<CheckKind, 'ttl' | 'alias'>, () => Promise<Runner>>> = {
  http: async () => (await import('./http.ts')).runHttp,
  tcp: async () => (await import('./tcp.ts')).runTcp,
  udp: async () => (await import('./udp.ts')).runUdp,
  script: async () => (await import('./script.ts')).runScript,
  docker: async () => (await import('./docker.ts')).runDocker,
  grpc: async () => (await import('./grpc.ts')).runGrpc,
  h2ping: async () => (await import('./h2ping.ts')).runH2Ping,
  os_service: async () => (await import('./os-service.ts')).runOsService,
};

/**
 * The function that a CheckScheduler runs checks with. Rejects for kinds that are not run: TTL checks wait to be told,
 * aliases are evaluated from local state.
 */
export function createCheckRunner(
  options: CheckRunnerOptions,
  { clock }: { readonly clock: Clock },
): (check: CheckType, signal: AbortSignal) => Promise<RawResult> {
  const loaded = new Map<CheckKind, Promise<Runner>>();
  return async (check, signal) => {
    const kind = checkKind(check);
    if (kind === 'ttl' || kind === 'alias') throw new Error(`checks of type ${kind} are not run`);
    let runner = loaded.get(kind);
    if (runner === undefined) {
      runner = loaders[kind]();
      loaded.set(kind, runner);
    }
    const run = await runner;
    return run(check, {
      clock,
      signal,
      timeoutMs: timeoutMs(check, kind),
      outputMaxSize: check.OutputMaxSize > 0 ? check.OutputMaxSize : (options.outputMaxSize ?? OUTPUT_MAX_SIZE_DEFAULT),
      tls: options.tls ?? {},
      dockerHost: options.dockerHost ?? '',
      spawner: options.spawner,
    });
  };
}

/**
 * Whether this machine can answer OSService checks, and the text for one that is registered where it cannot. Kept apart
 * from the runner so that asking is all that it costs.
 */
export async function osServiceProblem(): Promise<string | undefined> {
  const { OS_SERVICE_UNSUPPORTED, osServiceSupported } = await import('./os-service.ts');
  return osServiceSupported() ? undefined : OS_SERVICE_UNSUPPORTED;
}
