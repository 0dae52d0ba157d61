import { systemClock } from '@proconsul/io-node';
import { runCommandHere } from './script.ts';
import { runSpawner } from './spawner.ts';

/** Hidden subcommand of the program that makes a process the helper of its parent. */
export const SPAWNER_COMMAND = '__spawner';

/** The whole work of such a process; returns at once, and ends the process when its parent is gone. */
export function spawnerMain(): void {
  runSpawner(systemClock, runCommandHere);
}
