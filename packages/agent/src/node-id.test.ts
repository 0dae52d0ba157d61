import { fromUtf8, MemoryDisk, seededRng, utf8 } from '@proconsul/base';
import { describe, expect, test } from 'vitest';
import { nodeId } from './node-id.ts';

const ID = '0f6a1c1e-1111-4222-8333-444455556666';

describe('the id of a node', () => {
  test('is made once and kept', async () => {
    const disk = new MemoryDisk();
    const first = await nodeId('', disk, seededRng(1));
    expect(first).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(await nodeId('', disk, seededRng(2))).toBe(first);
    expect(await nodeId('', null, seededRng(2))).not.toBe(first);
  });

  test('is the configured one, in lower case, from then on', async () => {
    const disk = new MemoryDisk();
    expect(await nodeId(ID.toUpperCase(), disk, seededRng(1))).toBe(ID);
    expect(fromUtf8(await disk.read('node-id'))).toBe(ID);
    expect(await nodeId('', disk, seededRng(1))).toBe(ID);
  });

  test.for([
    ['short', 'specified NodeID is invalid: uuid string is wrong length'],
    [ID.replace('-', 'x'), 'specified NodeID is invalid: uuid is improperly formatted'],
  ] as const)('cannot be %s', async ([given, text]) => {
    await expect(nodeId(given, new MemoryDisk(), seededRng(1))).rejects.toThrow(text);
  });

  test('that was damaged on disk is not replaced by another', async () => {
    const disk = new MemoryDisk();
    await disk.writeAtomic('node-id', utf8('0f6a1c1e'));
    await expect(nodeId('', disk, seededRng(1))).rejects.toThrow('node-id in the data directory is not a node ID');
    await disk.writeAtomic('node-id', utf8(`${ID.toUpperCase()}\n`));
    expect(await nodeId('', disk, seededRng(1))).toBe(ID);
  });
});
