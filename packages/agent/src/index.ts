export { Agent, type AgentDependencies } from './agent.ts';
export { agentCommand } from './command.ts';
export { SPAWNER_COMMAND, spawnerMain } from './runners/spawner-main.ts';
