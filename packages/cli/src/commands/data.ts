import { readFileSync } from 'node:fs';
import { CommandError } from '../command.ts';
import { readError } from '../go-error.ts';
import { type Io, readStdin } from '../io.ts';

/**
 * The data that an argument stands for: `@path` is a file, `-` standard input, anything else itself.
 * Throws CommandError with the text of the failure after `prefix`.
 */
export async function loadData(io: Io, argument: string, prefix = ''): Promise<Buffer> {
  if (argument === '-') return readStdin(io);
  if (!argument.startsWith('@')) return Buffer.from(argument);
  const path = argument.slice(1);
  try {
    return readFileSync(path);
  } catch (error) {
    throw new CommandError(`${prefix}Failed to read file: ${readError(error, path)}`);
  }
}
