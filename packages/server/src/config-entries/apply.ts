import { type ArgsOf, type ConfigEntryMethods, invalid } from '@proconsul/endpoints';
import { type ConfigEntry, configEntryJson, isConfigKind, MessageType } from '@proconsul/schema';
import type { Command } from '@proconsul/store';
import { type EntryView, entryHash, graphFault, normalizeEntry, referenceFault } from '@proconsul/store';
import { checkEntry } from './validate.ts';

export const unknownKind = (kind: string) => invalid(`invalid config entry kind: ${kind}`);

/** The command for a request: checked, also against the entries that are there, and completed. Throws EndpointError. */
export function configCommand(args: ArgsOf<typeof ConfigEntryMethods.Apply>, view: EntryView): Command {
  const given = args.Entry as unknown as ConfigEntry;
  if (!isConfigKind(given.Kind)) throw unknownKind(given.Kind);
  const { Datacenter, Token, Op } = args;
  const isDelete = Op === 'delete' || Op === 'delete-cas';
  const Entry = isDelete ? given : completed(given);
  if (takesEffect(view, Op, Entry)) {
    const fault =
      (isDelete ? null : referenceFault(view, Entry)) ??
      graphFault(view, Entry.Kind, Entry.Name, isDelete ? null : Entry);
    if (fault !== null) throw invalid(fault);
  }
  return { type: MessageType.ConfigEntry, request: { Datacenter, Token, Op, Entry } };
}

/** False when a condition on the index does not hold: then the answer is false, whatever the entry says. */
function takesEffect(view: EntryView, op: string, entry: ConfigEntry): boolean {
  if (!op.endsWith('-cas')) return true;
  return (view.get(entry.Kind, entry.Name)?.['ModifyIndex'] ?? 0) === entry['ModifyIndex'];
}

function completed(given: ConfigEntry): ConfigEntry {
  const entry = normalizeEntry(given);
  checkEntry(entry);
  return { ...entry, Hash: entryHash(entry) };
}

/** True when the entry that a command would write says what the stored one does. */
export function isStored(view: EntryView, { request }: Command): boolean {
  const { Entry } = request as { readonly Entry: ConfigEntry };
  const stored = view.get(Entry.Kind, Entry.Name);
  return stored !== null && content(stored) === content(Entry);
}

/** Without what clients do not write. */
function content(entry: ConfigEntry): string {
  const { Hash: _, CreateIndex: __, ModifyIndex: ___, Status: ____, ...rest } = entry;
  return configEntryJson(rest as ConfigEntry);
}
