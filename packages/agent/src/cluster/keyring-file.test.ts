import { fromUtf8, MemoryDisk, utf8 } from '@proconsul/base';
import { describe, expect, test } from 'vitest';
import { decodeKey, LAN_KEYRING_FILE, readKeyring, writeFirstKeyring, writeKeyring } from './keyring-file.ts';

const KEY1 = Buffer.alloc(32, 1).toString('base64');
const KEY2 = Buffer.alloc(16, 2).toString('base64');

describe('a keyring file', () => {
  test('begins as one key on one line, and is indented after a change', async () => {
    const disk = new MemoryDisk();
    await writeFirstKeyring(disk, LAN_KEYRING_FILE, KEY1);
    expect(fromUtf8(await disk.read(LAN_KEYRING_FILE))).toBe(`["${KEY1}"]`);
    await writeKeyring(disk, LAN_KEYRING_FILE, [KEY2, KEY1]);
    expect(fromUtf8(await disk.read(LAN_KEYRING_FILE))).toBe(`[\n  "${KEY2}",\n  "${KEY1}"\n]`);
    expect(await readKeyring(disk, LAN_KEYRING_FILE)).toEqual([KEY2, KEY1]);
  });

  test('need not be there', async () => {
    expect(await readKeyring(new MemoryDisk(), LAN_KEYRING_FILE)).toBeUndefined();
  });

  test.for([['{'], ['{}'], ['[1]'], ['[]'], [`["${KEY1}x"]`], ['["AAAA"]']])('of %s is refused', async ([text]) => {
    const disk = new MemoryDisk();
    await disk.mkdir('serf');
    await disk.writeAtomic(LAN_KEYRING_FILE, utf8(text as string));
    await expect(readKeyring(disk, LAN_KEYRING_FILE)).rejects.toThrow();
  });
});

describe('a key', () => {
  test('has 16, 24 or 32 bytes', () => {
    expect([16, 24, 32].map((n) => decodeKey(Buffer.alloc(n).toString('base64')).length)).toEqual([16, 24, 32]);
    expect(() => decodeKey(Buffer.alloc(20).toString('base64'))).toThrow('key size must be 16, 24 or 32 bytes');
  });

  test.for([
    ['x', 0],
    ['!AAA', 0],
    ['AAAAAAAA$AAA', 8],
  ] as const)('%s is no base64 from byte %i on', ([text, at]) => {
    expect(() => decodeKey(text)).toThrow(`illegal base64 data at input byte ${at}`);
  });
});
