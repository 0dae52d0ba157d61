export { Agent, type AgentDependencies } from './agent.ts';
export { agentCommand } from './command.ts';
