import { expect, test } from 'vitest';
import { utf8 } from './bytes.ts';
import { diskSuite } from './disk-suite.ts';
import { MemoryDisk } from './memory-disk.ts';

diskSuite('MemoryDisk', async () => ({ disk: new MemoryDisk(), cleanUp: async () => undefined }));

test('a full memory disk says ENOSPC and has room again after a removal', async () => {
  const disk = new MemoryDisk({ maxBytes: 10 });
  await disk.writeAtomic('a', utf8('12345678'));
  await expect(disk.writeAtomic('b', utf8('123'))).rejects.toMatchObject({ code: 'ENOSPC' });
  const file = await disk.openAppend('log');
  expect(() => file.append([utf8('123')])).toThrow(expect.objectContaining({ code: 'ENOSPC' }));
  await disk.remove('a');
  file.append([utf8('123')]);
  await file.truncate(0);
  await disk.writeAtomic('c', utf8('1234567890'));
});
