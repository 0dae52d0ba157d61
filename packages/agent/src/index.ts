export { Agent, type AgentDependencies } from './agent.ts';
export { agentCommand } from './command.ts';
export type { LocalServer } from './local-server.ts';
export { LogHub } from './observe/index.ts';
export { becomeOwner, processUsing, type RaftState, readRaftState, recoverRaft } from './raft-recovery.ts';
export { type AgentWorld, dataDisk, type RunningAgent, type RunOptions, runAgent } from './run.ts';
export { SPAWNER_COMMAND, spawnerMain } from './runners/spawner-main.ts';
