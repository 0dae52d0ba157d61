export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * The environment of agents: without the extra authorities that some machines give to Node. Reading them all takes a process
 * longer than all the rest of its start, and says nothing about the agent.
 */
export function agentEnvironment(): NodeJS.ProcessEnv {
  const { NODE_EXTRA_CA_CERTS: _, ...environment } = process.env;
  return environment;
}

/** The words of a command: a script of Node, or a program with its first arguments. */
export function commandOf(text: string): readonly string[] {
  return /\.[cm]?js$/.test(text) ? [process.execPath, text] : text.split(/\s+/);
}
