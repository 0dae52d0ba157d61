import { CommandError, type RawCommand } from '../command.ts';

/** The agent brings a command of its own, with the flags of its configuration table; it is loaded only to run it. */
export async function loadAgent(): Promise<RawCommand> {
  const loaded: { readonly agentCommand?: RawCommand } = await import('@proconsul/agent');
  if (!loaded.agentCommand) throw new CommandError('this build does not contain the agent');
  return loaded.agentCommand;
}
