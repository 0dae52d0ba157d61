import { type Disk, errorText, firstBadBase64, fromUtf8, readIfThere, utf8 } from '@proconsul/base';

export const LAN_KEYRING_FILE = 'serf/local.keyring';
export const WAN_KEYRING_FILE = 'serf/remote.keyring';

/** Lengths of AES keys in bytes. */
const KEY_SIZES = [16, 24, 32];

/** Keys in one file; a longer list is not believed. */
export const KEYRING_KEYS_MAX = 1024;

/** The bytes of a gossip key. Throws with Consul's texts. */
export function decodeKey(base64: string): Uint8Array {
  const bad = firstBadBase64(base64);
  if (bad >= 0) throw new Error(`illegal base64 data at input byte ${bad}`);
  const bytes = new Uint8Array(Buffer.from(base64, 'base64'));
  if (!KEY_SIZES.includes(bytes.length)) throw new Error('key size must be 16, 24 or 32 bytes');
  return bytes;
}

/** Keys of a file, the primary one first; undefined when there is none. Rejects when it is damaged. */
export async function readKeyring(disk: Disk, path: string): Promise<readonly string[] | undefined> {
  const bytes = await readIfThere(disk, path);
  if (bytes === undefined) return undefined;
  const keys = parsed(fromUtf8(bytes), path);
  for (const key of keys) {
    try {
      decodeKey(key);
    } catch (error) {
      throw new Error(`Failed to decode key from keyring: ${errorText(error)}`);
    }
  }
  if (keys.length === 0) throw new Error(`No keys present in keyring file: ${path}`);
  return keys;
}

function parsed(text: string, path: string): readonly string[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`Failed to read keyring file ${path}: ${errorText(error)}`);
  }
  if (!Array.isArray(value) || value.length > KEYRING_KEYS_MAX || !value.every((k) => typeof k === 'string')) {
    throw new Error(`Failed to read keyring file ${path}: not a list of keys`);
  }
  return value as string[];
}

/** The first file of a data directory: one key on one line. Source: recorded files. */
export async function writeFirstKeyring(disk: Disk, path: string, key: string): Promise<void> {
  await disk.mkdir('serf', 0o755);
  await disk.writeAtomic(path, utf8(JSON.stringify([key])), 0o600);
}

/** A file after a change of keys: indented by two spaces. Source: recorded files. */
export async function writeKeyring(disk: Disk, path: string, keys: readonly string[]): Promise<void> {
  await disk.writeAtomic(path, utf8(JSON.stringify(keys, null, 2)), 0o600);
}
