import type { Mutant } from './mutants.ts';

const agents = (name: string, file: string, find: string, replace: string): Mutant => ({
  name,
  file: `../../${file}`,
  find,
  replace,
  run: 'agents-3',
});

/** Seeds within which every one of these must be found: a run of whole agents is long. */
export const AGENT_MUTANT_SEEDS_MAX = 100;

const LOCKS_AND_SESSIONS: readonly Mutant[] = [
  agents(
    'lock delays are dropped',
    'server/src/server.ts',
    'if (this.#leading) this.lockDelays.close(key, delayNs / 1e6);',
    '',
  ),
  agents(
    'a lock is asked for while somebody has it',
    'server/src/lock-gate.ts',
    "else if (holder !== '' && holder !== session && !mayFree) refused.set(key, 'held');",
    '',
  ),
  agents(
    'the end of a session leaves its locks',
    'store/src/session-apply.ts',
    'else state.kv.put(released(row, journal.index), state.indexes, journal);',
    '',
  ),
  agents(
    'a renewal does not restart the time of a session',
    'server/src/writes.ts',
    'if (session !== null) c.sessionTimers.reset(session);',
    '',
  ),
  agents(
    'a session ends after one TTL',
    'server/src/session-timers.ts',
    'export const TTL_MULTIPLIER = 2;',
    'export const TTL_MULTIPLIER = 1;',
  ),
  agents(
    'a new leader does not take up the timers of sessions',
    'server/src/server.ts',
    'for (const session of this.#d.store.sessions.list().value) this.sessionTimers.reset(session);',
    '',
  ),
  agents(
    'a session whose end is under way is renewed',
    'server/src/writes.ts',
    'if (ending !== undefined) {',
    'if (ending !== undefined && args.SessionID === "") {',
  ),
];

const READS: readonly Mutant[] = [
  agents(
    'a stale answer is served from the cache',
    'http-api/src/http-api.ts',
    'if (!known.view.valid) {',
    'if (!known.view.valid && known.view.index === 0) {',
  ),
  agents(
    'a follower answers default reads',
    'server/src/server.ts',
    "if (consistency === 'stale' && Number.isFinite(consensus.stateAgeMs())) {",
    'if (Number.isFinite(consensus.stateAgeMs())) {',
  ),
  agents(
    'a server answers before it has caught up',
    'server/src/server.ts',
    '&& Number.isFinite(consensus.stateAgeMs())) {',
    ') {',
  ),
  agents(
    'the age told is that of the last heartbeat',
    'server/src/server.ts',
    'Math.max(consensus.lastContactMs(), consensus.stateAgeMs())',
    'consensus.lastContactMs()',
  ),
  agents(
    'a word of the leader is dated by its arrival',
    'raft/src/core/follower.ts',
    's.stateAge.heard(request.sentAfter ?? at,',
    's.stateAge.heard(at,',
  ),
  agents(
    'watchers are not woken by what was committed',
    'agent/src/store-machine.ts',
    '      store.flush();\n      return results;',
    '      return results;',
  ),
  agents(
    'a waiting reader misses a change',
    'server/src/views.ts',
    'if (!everybody && index <= waiter.minIndex) continue;',
    'if (!everybody && index <= waiter.minIndex + 1) continue;',
  ),
  agents(
    'an answer is thrown away with the question of its waiters',
    'server/src/views.ts',
    '    if (question.waiters.size === 0) {\n      // Nobody waits',
    '    if (question.waiters.size < 2) {\n      // Nobody waits',
  ),
  agents(
    'a write that broke under way is made again',
    'server/src/retryable.ts',
    "return kind === 'read' && holds(text, BROKEN);",
    'return holds(text, BROKEN);',
  ),
  agents(
    'answers older than max_stale are given',
    'endpoints/src/bounded-read.ts',
    'if (!isTooOld) return',
    'if (!isTooOld || meta.knownLeader) return',
  ),
  agents(
    'DNS gives an answer again however old its state is',
    'agent/src/dns-source.ts',
    'return this.#from.valid && this.#isFresh(this.#freshUntil);',
    'return this.#from.valid;',
  ),
  agents(
    'DNS tells instances that are critical',
    'dns/src/instances.ts',
    "(onlyPassing ? Status === 'passing' : Status !== 'critical')",
    "(onlyPassing ? Status === 'passing' : Status !== '')",
  ),
  agents(
    'a prepared query tells instances that are critical',
    'server/src/queries/execute.ts',
    "(Status !== 'critical' && (",
    "(Status !== '' && (",
  ),
];

const CATALOG: readonly Mutant[] = [
  agents(
    'anti-entropy forgets a deregistration',
    'agent/src/local/anti-entropy.ts',
    'await this.#deregister({ ServiceID: id }, token);',
    'void token;',
  ),
  agents(
    'anti-entropy does not notice what the catalog lacks',
    'agent/src/local/anti-entropy.ts',
    'local.markService(ID, false);\n        continue;',
    'continue;',
  ),
  agents(
    'services are not kept over a restart',
    'agent/src/local/registry.ts',
    'if (options.persist) this.#persistService(local.services.get(service.ID) as ServiceRow, json);',
    'void json;',
  ),
  agents(
    'a new leader deregisters whom it has not met',
    'server/src/leader/member-reconciler.ts',
    'if (since === undefined) continue;',
    "if (since === undefined) {\n        await this.#attempt(Node, () => this.#deregister(Node, 'reaped'));\n        continue;\n      }",
  ),
  agents(
    'a member that fails stays healthy',
    'server/src/leader/member-reconciler.ts',
    "else if (change === 'failed') await this.#failed(subject);",
    "else if (change === 'failed') void this.#failed;",
  ),
  agents(
    'servers that come back never get their vote',
    'server/src/autopilot-loop.ts',
    'await consensus.addVoter(id, address);',
    'void address;',
  ),
  agents(
    'a server whose disk has failed stays in the pool',
    'agent/src/local-server.ts',
    'onFailure: (error) => d.onFailure(error),',
    'onFailure: (error) => void error,',
  ),
];

/** Faults in what lies above Raft: endpoints, sessions, the catalog, agents. */
export const AGENT_MUTANTS: readonly Mutant[] = [...LOCKS_AND_SESSIONS, ...READS, ...CATALOG];
