import { type Disk, errorText, type Level } from '@proconsul/base';
import { agentHelp, ConfigError, FlagError, type Loaded, loadConfig } from '@proconsul/config';
import { systemClock, systemRng } from '@proconsul/io-node';
import { keepingSafe, PathWatch, watchedPaths } from './auto-reload.ts';
import { banner } from './banner.ts';
import { configWorld } from './config-world.ts';
import { suitEngine } from './engine.ts';
import { NodeIdError, nodeId } from './node-id.ts';
import { GatheredLines, type LineSink, LogFile, LogHub, levelOf, openSyslog, syslogIsThere } from './observe/index.ts';
import { dataDisk, type RunningAgent, runAgent } from './run.ts';
import { notifyReady } from './systemd-notify.ts';

/** What the command needs of the world: its arguments' company. */
export interface AgentIo {
  readonly env: Readonly<Record<string, string | undefined>>;
  write(chunk: string): void;
  writeError(chunk: string): void;
}

const LEVEL_LIST = '[TRACE DEBUG INFO WARN ERR ERROR]';

/** A graceful leave that takes longer is given up. Source: life cycle documentation. */
const LEAVE_TIMEOUT_MS = 15_000;

function load(args: readonly string[], env: AgentIo['env']): Loaded {
  return loadConfig({ args, ...configWorld(env) });
}

export const agentCommand = {
  help: (): string => agentHelp().trimEnd(),
  run: runCommand,
};

async function runCommand(args: readonly string[], io: AgentIo): Promise<number> {
  let loaded: Loaded;
  try {
    loaded = load(args, io.env);
  } catch (error) {
    if (error instanceof FlagError) io.writeError(error.output);
    else if (error instanceof ConfigError) io.writeError(`==> ${error.message}\n`);
    else throw error;
    return 1;
  }
  const { runtime: config, warnings } = loaded;
  const level = levelOf(config.logging.level);
  if (level === undefined) {
    io.writeError(`==> Invalid log level: ${config.logging.level}. Valid log levels are: ${LEVEL_LIST}\n`);
    return 1;
  }
  const disk = config.devMode ? null : dataDisk(config.dataDir);
  let id: string;
  try {
    id = await nodeId(config.nodeId, disk, systemRng);
  } catch (error) {
    if (!(error instanceof NodeIdError)) throw error;
    io.writeError(`==> failed to setup node ID: ${error.message}\n`);
    return 1;
  }
  if (config.logging.enableSyslog && !(await syslogIsThere(systemClock))) {
    io.writeError('==> Syslog setup did not succeed within timeout (1m0s).\n');
    return 1;
  }
  const hub = new LogHub({ level, json: config.logging.json }, systemClock);
  if (!config.logging.json) io.write(banner(config, id));
  const { lines, flush } = sinks(config, io);
  hub.open(lines);
  process.on('exit', flush);
  const log = hub.logger('agent');
  for (const warning of warnings) log.warn(warning);
  for (const warning of warnings) log.named('auto_config').warn(warning);
  const code = await serve(args, io, loaded, id, disk, hub);
  log.info('Exit code', { code });
  process.off('exit', flush);
  flush();
  return code;
}

/** Where lines go. `flush` is for the end of the process. */
function sinks(config: Loaded['runtime'], io: AgentIo): { lines: LineSink[]; flush: () => void } {
  const gathered = [new GatheredLines((text) => io.write(`${text}\n`), systemClock)];
  const { filePath, rotateBytes, rotateDurationMs, rotateMaxFiles, enableSyslog, syslogFacility } = config.logging;
  if (filePath !== '') {
    const file = new LogFile({ path: filePath, rotateBytes, rotateDurationMs, maxFiles: rotateMaxFiles }, () =>
      systemClock.wallMs(),
    );
    gathered.push(new GatheredLines(file.sink, systemClock));
  }
  const lines = gathered.map((g) => g.sink);
  if (enableSyslog) {
    const syslog = openSyslog({ facility: syslogFacility, tag: 'consul' });
    if (syslog === undefined) throw new Error(`Syslog setup error: invalid syslog facility: ${syslogFacility}`);
    lines.push(syslog);
  }
  const flush = () => {
    for (const g of gathered) g.flush();
  };
  return { lines, flush };
}

const SIGNAL_NAMES: Readonly<Record<string, string>> = { SIGINT: 'interrupt', SIGTERM: 'terminated', SIGHUP: 'hangup' };

/** Runs the agent until somebody ends it; answers the exit code. */
async function serve(
  args: readonly string[],
  io: AgentIo,
  loaded: Loaded,
  id: string,
  disk: Disk | null,
  hub: LogHub,
): Promise<number> {
  const { runtime: config } = loaded;
  const log = hub.logger('agent');
  let end: (code: number) => void = () => {};
  const ended = new Promise<number>((resolve) => {
    end = resolve;
  });
  const auto = { on: false, present: config };
  const stopWatching = suitEngine();
  let running: RunningAgent;
  try {
    running = await runAgent({
      config,
      nodeId: id,
      disk,
      hub,
      loadAgain: () => {
        const next = load(args, io.env);
        setLevel(hub, next.runtime.logging.level, log);
        for (const warning of next.warnings) log.named('auto_config').warn(warning);
        auto.present = auto.on ? keepingSafe(next.runtime, auto.present, log) : next.runtime;
        return auto.present;
      },
      onReady: () => notifyReady(io.env, log),
      onLeave: () => end(0),
      onFatal: (what, error) => {
        log.error(what, { error: errorText(error) });
        end(1);
      },
    });
  } catch (error) {
    log.error('Error starting agent', { error: errorText(error) });
    return 1;
  }
  const forget = handleSignals(running, config, log, end);
  const watch = config.autoReloadConfig ? reloadOnChange(running, auto, log) : null;
  const code = await ended;
  watch?.close();
  forget();
  await running.stop();
  stopWatching();
  return code;
}

/** Reloads when a file of the configuration changes. `auto` is on for as long as such a reload runs. */
function reloadOnChange(
  running: RunningAgent,
  auto: { on: boolean; present: Loaded['runtime'] },
  log: Logger,
): PathWatch {
  const watch = new PathWatch(systemClock, (events) => {
    log.debug('auto-reload config triggered', { 'num-events': events });
    auto.on = true;
    void running.agent
      .reload()
      .catch((error) => log.error('error loading config', { error: errorText(error) }))
      .finally(() => {
        auto.on = false;
        watchAll();
      });
  });
  const watchAll = () => {
    for (const path of watch.set(watchedPaths(auto.present))) log.warn('Cannot watch for changes', { path });
  };
  watchAll();
  return watch;
}

function setLevel(hub: LogHub, word: string, log: { warn(m: string, f?: Record<string, unknown>): void }): void {
  const level: Level | undefined = levelOf(word);
  if (level === undefined) log.warn('Invalid log level in new configuration', { level: word });
  else hub.setLevel(level);
}

type Logger = ReturnType<LogHub['logger']>;

/** What each signal does. Source: life cycle documentation; recorded logs. */
function handleSignals(
  running: RunningAgent,
  config: Loaded['runtime'],
  log: Logger,
  end: (code: number) => void,
): () => void {
  let leaving = false;
  const onEnd = (signal: string) => {
    const name = SIGNAL_NAMES[signal] ?? signal;
    if (leaving) {
      log.info('Caught second signal, Exiting', { signal: name });
      end(1);
      return;
    }
    log.info('Caught', { signal: name });
    const graceful = signal === 'SIGINT' ? !config.skipLeaveOnInterrupt : config.leaveOnTerminate;
    if (!graceful) {
      log.info('Graceful shutdown disabled. Exiting');
      end(1);
      return;
    }
    leaving = true;
    log.info('Gracefully shutting down agent...');
    const timeout = systemClock.after(LEAVE_TIMEOUT_MS, () => {
      log.info('Timeout on graceful leave. Exiting');
      end(1);
    });
    running.leave().then(
      () => {
        timeout.cancel();
        log.info('Graceful exit completed');
        end(0);
      },
      (error) => {
        timeout.cancel();
        log.error('Error on leave', { error: errorText(error) });
        end(1);
      },
    );
  };
  const onReload = () => {
    log.info('Caught', { signal: 'hangup' });
    running.agent.reload().catch((error) => log.error('Reload config failed', { error: errorText(error) }));
  };
  const onInt = () => onEnd('SIGINT');
  const onTerm = () => onEnd('SIGTERM');
  process.on('SIGINT', onInt);
  process.on('SIGTERM', onTerm);
  process.on('SIGHUP', onReload);
  process.on('SIGPIPE', ignore);
  return () => {
    process.off('SIGHUP', onReload);
    process.off('SIGPIPE', ignore);
  };
}

const ignore = () => {};
