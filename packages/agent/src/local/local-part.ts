import { hash } from 'node:crypto';
import { formatDuration } from '@proconsul/base';
import type { RuntimeConfig } from '@proconsul/config';
import type { Caller } from '@proconsul/endpoints';
import { type AgentContext, nodeIdentity } from '../context.ts';
import { createCheckRunner } from '../runners/index.ts';
import { Spawner } from '../runners/spawner.ts';
import { SPAWNER_COMMAND } from '../runners/spawner-main.ts';
import type { Stats } from '../self.ts';
import { AntiEntropy } from './anti-entropy.ts';
import { CheckBoard } from './check-board.ts';
import { FarAliases } from './far-aliases.ts';
import { applyFileDefinitions, restorePersisted } from './load-definitions.ts';
import { Persistence } from './persistence.ts';
import { Registry } from './registry.ts';
import type { LocalState } from './state.ts';

export interface LocalPartDependencies {
  readonly context: AgentContext;
  readonly local: LocalState;
  readonly caller: Caller;
  /** Members of the LAN pool. */
  clusterSize(): number;
}

/** What every agent does for its own services and checks: runs the checks, keeps them over a restart, tells the catalog. */
export class LocalPart {
  readonly local: LocalState;
  readonly sync: AntiEntropy;
  readonly board: CheckBoard;
  readonly registry: Registry;
  readonly spawner: Spawner;
  readonly #context: AgentContext;
  readonly #persistence: Persistence | null;

  constructor(d: LocalPartDependencies) {
    const { context, local } = d;
    const { clock, rng, log, disk } = context;
    this.#context = context;
    this.local = local;
    this.sync = new AntiEntropy({
      local,
      caller: d.caller,
      clock,
      rng,
      log: log.named('anti_entropy'),
      identity: () => nodeIdentity(context),
      clusterSize: d.clusterSize,
      token: () => context.config().acl.tokens.agent || context.config().acl.tokens.default,
    });
    const sha256 = (text: string) => hash('sha256', text);
    this.#persistence = disk === null ? null : new Persistence({ disk, clock, log, sha256 });
    this.spawner = new Spawner({ entry: [process.argv[1] ?? '', SPAWNER_COMMAND] }, { clock });
    this.board = this.#checkBoard(d.caller);
    this.registry = this.#makeRegistry();
  }

  #checkBoard(caller: Caller): CheckBoard {
    const { clock, rng, log, config } = this.#context;
    const { local, spawner } = this;
    const { checkOutputMaxSizeBytes: outputMaxSize } = config();
    return new CheckBoard({
      local,
      clock,
      rng,
      log,
      far: new FarAliases({
        ...{ caller, clock, rng, log },
        token: () => config().acl.tokens.agent || config().acl.tokens.default,
        result: (id, result) => this.board.result(id, result),
      }),
      run: createCheckRunner({ outputMaxSize, dockerHost: process.env['DOCKER_HOST'] ?? '', spawner }, { clock }),
      changed: () => void this.sync.pushChanges(),
      reap: ({ serviceId, checkId, timeoutMs }) => {
        log.info(
          "deregistered service with critical health due to exceeding health check's 'deregister_critical_service_after' timeout",
          { service: serviceId, check: checkId, timeout: formatDuration(timeoutMs * 1e6) },
        );
        if (!local.services.has(serviceId)) return;
        this.registry.removeService(serviceId);
        void this.sync.pushChanges();
      },
      persistTtl: (state) => this.#persistence?.saveTtl(state),
      options: () => ({
        outputMaxSize: config().checkOutputMaxSizeBytes,
        discardOutput: config().discardCheckOutput,
        updateIntervalMs: config().checkUpdateIntervalMs,
      }),
    });
  }

  #makeRegistry(): Registry {
    const { log, config } = this.#context;
    return new Registry({
      nodeName: config().nodeName,
      local: this.local,
      checks: this.board,
      sync: this.sync,
      log,
      persistence: this.#persistence,
      options: () => ({
        allowRemoteScripts: config().enableRemoteScriptChecks,
        allowLocalScripts: config().enableLocalScriptChecks || config().enableRemoteScriptChecks,
        sidecarPortMin: config().ports.sidecarMin,
        sidecarPortMax: config().ports.sidecarMax,
      }),
    });
  }

  /** Definitions from files, then what is kept from before. Rejects when a definition is not allowed. */
  async load(): Promise<void> {
    const { config, log, clock } = this.#context;
    await this.#persistence?.prepare();
    applyFileDefinitions(config(), this.registry, this.local, log);
    if (this.#persistence === null) return;
    await restorePersisted(this.#persistence, this.local, this.board, clock.wallMs(), log);
  }

  start(): void {
    this.sync.start();
    this.board.start();
    this.#context.log.info('started state syncer');
  }

  /** `next` is the configuration of this moment already. */
  async reload(next: RuntimeConfig): Promise<void> {
    applyFileDefinitions(next, this.registry, this.local, this.#context.log);
    this.sync.nodeChanged();
    await this.sync.pushChanges();
  }

  async stop(): Promise<void> {
    this.sync.stop();
    this.board.stop();
    this.spawner.stop();
    await this.#persistence?.flush();
  }

  stats(): Stats[string] {
    const { checks, services } = this.local;
    return {
      check_monitors: '0',
      check_ttls: String([...checks.keys()].filter((id) => this.board.isTtl(id)).length),
      checks: String(checks.size),
      services: String(services.size),
    };
  }
}
