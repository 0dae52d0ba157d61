import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { utf8 } from '@proconsul/base';
import { diskSuite } from '@proconsul/base/disk-suite';
import { expect, test } from 'vitest';
import { NodeDisk, TEMPORARY_SUFFIX } from './disk.ts';

const temporary = () => mkdtemp(join(tmpdir(), 'proconsul-disk-'));

diskSuite('NodeDisk', async () => {
  const root = await temporary();
  return { disk: new NodeDisk(root), cleanUp: () => rm(root, { recursive: true }) };
});

test('files get the mode that was asked for and directories too', async () => {
  const root = await temporary();
  const disk = new NodeDisk(join(root, 'data'));
  await disk.mkdir('', 0o700);
  await disk.writeAtomic('secret', utf8('x'));
  await disk.writeAtomic('open', utf8('x'), 0o640);
  const mode = async (name: string) => (await stat(join(root, 'data', name))).mode & 0o777;
  expect([await mode(''), await mode('secret'), await mode('open')]).toEqual([0o700, 0o600, 0o640]);
  await rm(root, { recursive: true });
});

test('temporary files that a crash left behind are not listed', async () => {
  const root = await temporary();
  await writeFile(join(root, `id.1-0${TEMPORARY_SUFFIX}`), 'half');
  const disk = new NodeDisk(root);
  await disk.writeAtomic('id', utf8('whole'));
  expect(await disk.list('')).toEqual(['id']);
  expect(await readdir(root)).toHaveLength(2);
  await rm(root, { recursive: true });
});

test('a full disk is ENOSPC', async () => {
  // The kernel's own full device stands in for a full disk: no way to fill one up is as quick.
  const disk = new NodeDisk('/dev');
  const file = await disk.openAppend('full');
  expect(() => file.append([utf8('x')])).toThrow(expect.objectContaining({ code: 'ENOSPC', path: 'full' }));
  await file.close();
});
