import { type ArgsOf, type ConfigEntryMethods, invalid } from '@proconsul/endpoints';
import { type ConfigEntry, isConfigKind, MessageType } from '@proconsul/schema';
import type { Command } from '@proconsul/store';
import { entryHash } from './hash.ts';
import { normalizeEntry } from './normalize.ts';
import { checkEntry } from './validate.ts';

export const unknownKind = (kind: string) => invalid(`invalid config entry kind: ${kind}`);

/** The command for a request: checked and completed. Throws EndpointError. */
export function configCommand(args: ArgsOf<typeof ConfigEntryMethods.Apply>): Command {
  const given = args.Entry as unknown as ConfigEntry;
  if (!isConfigKind(given.Kind)) throw unknownKind(given.Kind);
  const { Datacenter, Token, Op } = args;
  const isDelete = Op === 'delete' || Op === 'delete-cas';
  return {
    type: MessageType.ConfigEntry,
    request: { Datacenter, Token, Op, Entry: isDelete ? given : completed(given) },
  };
}

function completed(given: ConfigEntry): ConfigEntry {
  const entry = normalizeEntry(given);
  checkEntry(entry);
  return { ...entry, Hash: entryHash(entry) };
}
