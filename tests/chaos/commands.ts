import { run } from '../e2e/program.ts';

/** Runs a command that must succeed; its standard output. */
export async function must(...command: readonly string[]): Promise<string> {
  return await mustWith('', ...command);
}

/** The same with something to read. */
export async function mustWith(input: string, ...command: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(command, { input });
  if (code !== 0) throw new Error(`${command.join(' ')}: ${code}: ${stderr.trim()}`);
  return stdout;
}

/** Whether a command can be run here, and succeeds. */
export async function works(...command: readonly string[]): Promise<boolean> {
  try {
    return (await run(command)).code === 0;
  } catch {
    return false;
  }
}
