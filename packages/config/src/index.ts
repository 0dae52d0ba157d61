export { checkError, serviceError } from './definition-check.ts';
export * from './definitions.ts';
export { ConfigError, describeDetail, type ErrorDetail, multiError, type Place } from './errors.ts';
export { type AgentFlags, FlagError, HELP_WANTED, parseAgentFlags } from './flags.ts';
export { agentHelp, flagUsage, wrapEvenly } from './help.ts';
export { type Explained, type Loaded, type LoadInput, loadConfig, loadWithFlags } from './load.ts';
export { metaError } from './meta.ts';
export * from './runtime.ts';
export type { InterfaceAddress } from './sockaddr.ts';
