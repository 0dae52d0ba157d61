import { type Disk, fromUtf8, type Rng, readIfThere, utf8, uuid } from '@proconsul/base';
import { uuidError } from '@proconsul/server';

const FILE = 'node-id';

export class NodeIdError extends Error {
  override readonly name = 'NodeIdError';
}

/**
 * The id of this node: configured, or kept in the data directory, or made now and kept. `disk` is null in development
 * mode. Throws NodeIdError.
 */
export async function nodeId(configured: string, disk: Disk | null, rng: Rng): Promise<string> {
  if (configured !== '') {
    const id = configured.toLowerCase();
    const error = uuidError(id);
    if (error !== null) throw new NodeIdError(`specified NodeID is invalid: ${error}`);
    await disk?.writeAtomic(FILE, utf8(id), 0o600);
    return id;
  }
  if (disk === null) return uuid(rng);
  const kept = await read(disk);
  if (kept !== undefined) return kept;
  const id = uuid(rng);
  await disk.writeAtomic(FILE, utf8(id), 0o600);
  return id;
}

async function read(disk: Disk): Promise<string | undefined> {
  const bytes = await readIfThere(disk, FILE);
  if (bytes === undefined) return undefined;
  const text = fromUtf8(bytes).trim().toLowerCase();
  const bad = uuidError(text);
  if (bad !== null) throw new NodeIdError(`${FILE} in the data directory is not a node ID: ${bad}`);
  return text;
}
