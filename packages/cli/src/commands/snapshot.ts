import { createReadStream, createWriteStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { extname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { CommandError, command } from '../command.ts';
import { errnoText, fileError, goError } from '../go-error.ts';
import { readArchive } from '../snapshot/archive.ts';

export const snapshotSave = command({
  name: 'snapshot save',
  args: '[options] FILE',
  help:
    'Saves the whole state of the servers to a file: keys, catalog, sessions, access control and so on. The file is\n' +
    'checked before it gets its name.\n\n    $ consul snapshot save backup.snap\n\n' +
    'From any server, when there is no leader:\n\n    $ consul snapshot save -stale backup.snap',
  http: { server: true },
  flags: {
    'append-filename': {
      kind: 'string',
      type: 'value',
      doc: "What to add to the name of the file, joined by commas: 'version' and 'dc'.",
    },
  },
  async run(c) {
    const [name] = c.args;
    if (c.args.length > 1) return c.fail(`Too many arguments (expected 1, got ${c.args.length})`);
    if (name === undefined) return c.fail('Missing FILE argument');
    const { http, agent } = c.consul;
    const file = await decorate(c.flags['append-filename'], name, {
      version: async () => {
        const read = () => http.read<Health>('/v1/operator/autopilot/health', {});
        const { value } = await c.attempt('Error fetching version of Consul agent Leader: ', read);
        return value.Servers?.find(({ Leader }) => Leader)?.Version ?? '';
      },
      dc: async () => {
        const prefix = 'Error connecting to Consul agent and unable to fetch agent info: ';
        return (await c.attempt(prefix, () => agent.self())).Config.Datacenter;
      },
    });
    const { snapshots } = c.consul;
    const archive = await c.attempt('Error saving snapshot: ', () => snapshots.save());
    const temporary = `${file}.unverified.tmp${Math.floor(Math.random() * 2 ** 31)}`;
    try {
      await writeVerified(temporary, archive, file);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
    const { meta } = await readArchive(createReadStream(file));
    c.print(`Saved and verified snapshot to index ${meta.Index}`);
    return 0;
  },
});

interface Health {
  readonly Servers: readonly { readonly Version: string; readonly Leader: boolean }[] | null;
}

/** Puts what -append-filename asks for before the extension: the version of the leader, the datacenter. */
async function decorate(
  asked: string,
  name: string,
  words: Readonly<Record<string, () => Promise<string>>>,
): Promise<string> {
  const extension = extname(name);
  let stem = name.slice(0, name.length - extension.length);
  for (const word of asked.split(',').map((text) => text.trim())) {
    // Words that mean nothing are ignored.
    if (Object.hasOwn(words, word)) stem += `-${await words[word]?.()}`;
  }
  return stem + extension;
}

async function writeVerified(temporary: string, archive: AsyncIterable<Uint8Array>, file: string): Promise<void> {
  const prefix = 'Error writing unverified snapshot file: ';
  try {
    await pipeline(archive, createWriteStream(temporary, { mode: 0o600, flags: 'wx' }));
    const handle = await open(temporary, 'r+');
    await handle.sync();
    await handle.close();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new CommandError(prefix + (code?.startsWith('E') ? fileError(error, 'open', temporary) : goError(error)));
  }
  try {
    await readArchive(createReadStream(temporary));
  } catch (error) {
    throw new CommandError(`Error verifying snapshot file: ${goError(error)}`);
  }
  try {
    await rename(temporary, file);
  } catch (error) {
    throw new CommandError(
      `Error renaming "${temporary}" to "${file}": rename ${temporary} ${file}: ${errnoText(error)}`,
    );
  }
}

export const snapshotRestore = command({
  name: 'snapshot restore',
  args: '[options] FILE',
  help:
    'Replaces the whole state of the servers by that of a snapshot. Everything written since it was taken is gone.\n\n' +
    '    $ consul snapshot restore backup.snap',
  http: { server: true },
  flags: {},
  async run(c) {
    const [file] = c.args;
    if (c.args.length > 1) return c.fail(`Too many arguments (expected 1, got ${c.args.length})`);
    if (file === undefined) return c.fail('Missing FILE argument');
    const { snapshots } = c.consul;
    const handle = await openSnapshot(file);
    try {
      await c.attempt('Error restoring snapshot: ', () => snapshots.restore(handle.createReadStream()));
    } finally {
      await handle.close().catch(() => {});
    }
    c.print('Restored snapshot');
    return 0;
  },
});

/** Opens a snapshot for reading. Throws CommandError. */
export async function openSnapshot(file: string) {
  try {
    return await open(file, 'r');
  } catch (error) {
    throw new CommandError(`Error opening snapshot file: ${fileError(error, 'open', file)}`);
  }
}
