export { Agent, type AgentDependencies } from './agent.ts';
export { agentCommand } from './command.ts';
export { processUsing, type RaftState, readRaftState, recoverRaft } from './raft-recovery.ts';
export { dataDisk } from './run.ts';
export { SPAWNER_COMMAND, spawnerMain } from './runners/spawner-main.ts';
