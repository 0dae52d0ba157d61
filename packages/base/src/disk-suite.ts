import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fromUtf8, utf8 } from './bytes.ts';
import type { AppendFile, Disk } from './disk.ts';

/** A fresh, empty disk for one test, and what removes it afterwards. */
export interface DiskUnderTest {
  readonly disk: Disk;
  readonly cleanUp: () => Promise<void>;
}

/** What every implementation of `Disk` promises, as tests. Call it at the top level of a test file. */
export function diskSuite(name: string, create: () => Promise<DiskUnderTest>): void {
  describe(`${name} keeps the promises of a disk`, () => {
    let under: DiskUnderTest;
    let disk: Disk;
    beforeEach(async () => {
      under = await create();
      disk = under.disk;
    });
    afterEach(() => under.cleanUp());
    const text = async (path: string) => fromUtf8(await disk.read(path));
    appendTests(() => disk, text);
    replaceTests(() => disk, text);
    treeTests(() => disk, text);
    errorTests(() => disk);
  });
}

const code = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'no error',
    (error: { name: string; code: string }) => `${error.name} ${error.code}`,
  );

async function withFile(disk: Disk, path: string, use: (file: AppendFile) => unknown): Promise<void> {
  const file = await disk.openAppend(path);
  try {
    await use(file);
  } finally {
    await file.close();
  }
}

type Reader = (path: string) => Promise<string>;

function appendTests(disk: () => Disk, text: Reader): void {
  test('appended chunks stand in the file in order', async () => {
    await withFile(disk(), 'log', async (file) => {
      expect(file.sizeBytes).toBe(0);
      file.append([utf8('ab'), utf8(''), utf8('cd')]);
      file.append([]);
      file.append([utf8('e')]);
      expect(file.sizeBytes).toBe(5);
      await file.sync();
    });
    expect(await text('log')).toBe('abcde');
  });

  test('more chunks than one system call takes are all written', async () => {
    const chunks = Array.from({ length: 3000 }, (_, index) => utf8(`${index},`));
    await withFile(disk(), 'log', (file) => file.append(chunks));
    expect(await text('log')).toBe(chunks.map(fromUtf8).join(''));
  });

  test('a file opened again goes on at its end', async () => {
    await withFile(disk(), 'log', (file) => file.append([utf8('one')]));
    await withFile(disk(), 'log', (file) => {
      expect(file.sizeBytes).toBe(3);
      file.append([utf8('two')]);
    });
    expect(await text('log')).toBe('onetwo');
  });

  test('where a file can be synced at once, that is as good', async () => {
    await withFile(disk(), 'log', async (file) => {
      file.append([utf8('one')]);
      file.syncNow?.();
      file.append([utf8('two')]);
      await file.sync();
      file.syncNow?.();
    });
    expect(await text('log')).toBe('onetwo');
  });

  test('reserved space is not content: appending goes on where it ended, and closing takes the rest away', async () => {
    await withFile(disk(), 'log', async (file) => {
      file.append([utf8('ab')]);
      file.reserve(4096);
      expect(file.sizeBytes).toBe(2);
      file.append([utf8('cd')]);
      await file.sync();
      const seen = await text('log');
      expect(seen.slice(0, 4)).toBe('abcd');
      expect(seen.slice(4)).toBe('\0'.repeat(seen.length - 4));
      await file.truncate(3);
      file.reserve(100);
    });
    expect(await text('log')).toBe('abc');
  });

  test('a truncated file goes on where it was cut', async () => {
    await withFile(disk(), 'log', async (file) => {
      file.append([utf8('abcdef')]);
      await file.truncate(2);
      expect(file.sizeBytes).toBe(2);
      file.append([utf8('X')]);
      await file.sync();
    });
    expect(await text('log')).toBe('abX');
  });

  test('a file cannot be opened twice, truncated beyond its end or used after close', async () => {
    const file = await disk().openAppend('log');
    expect(await code(disk().openAppend('log'))).toBe('DiskError EBUSY');
    expect(await code(file.truncate(1))).toBe('DiskError EINVAL');
    await file.close();
    await file.close();
    expect(() => file.append([utf8('a')])).toThrow();
    expect(await code(file.sync())).toBe('DiskError EBADF');
    await withFile(disk(), 'log', () => undefined);
  });
}

function replaceTests(disk: () => Disk, text: Reader): void {
  test('an atomic write creates and replaces, from one chunk or many', async () => {
    await disk().writeAtomic('id', utf8('first'));
    expect(await text('id')).toBe('first');
    await disk().writeAtomic('id', [utf8('sec'), utf8('ond')]);
    expect(await text('id')).toBe('second');
    await disk().writeAtomic('id', []);
    expect(await text('id')).toBe('');
    expect(await disk().list('')).toEqual(['id']);
  });

  test('atomic writes to one path at the same time leave one of them whole', async () => {
    const values = ['aaaa', 'bb', 'cccccc'];
    await Promise.all(values.map((value) => disk().writeAtomic('id', utf8(value))));
    expect(values).toContain(await text('id'));
    expect(await disk().list('')).toEqual(['id']);
  });

  test('what was written is not changed by changing the buffers of the caller', async () => {
    const bytes = utf8('stays');
    await disk().writeAtomic('id', bytes);
    bytes.fill(0);
    expect(await text('id')).toBe('stays');
    (await disk().read('id')).fill(0);
    expect(await text('id')).toBe('stays');
  });
}

function treeTests(disk: () => Disk, text: Reader): void {
  test('directories are made with their parents and listed in order', async () => {
    await disk().mkdir('raft/snapshots');
    await disk().mkdir('raft/snapshots');
    await disk().writeAtomic('raft/b', utf8(''));
    await disk().writeAtomic('raft/B', utf8(''));
    await disk().syncDir('raft');
    expect(await disk().list('raft')).toEqual(['B', 'b', 'snapshots']);
    expect(await disk().list('.')).toEqual(['raft']);
    expect(await disk().list('nowhere')).toEqual([]);
  });

  test('rename moves a file over another one, and a directory with its content', async () => {
    await disk().mkdir('old/deep');
    await disk().writeAtomic('old/deep/file', utf8('content'));
    await disk().rename('old', 'new');
    expect(await text('new/deep/file')).toBe('content');
    expect(await disk().list('old')).toEqual([]);
    await disk().writeAtomic('other', utf8('loses'));
    await disk().rename('new/deep/file', 'other');
    expect(await text('other')).toBe('content');
    expect(await disk().list('new/deep')).toEqual([]);
  });

  test('remove takes a file, a whole directory, or nothing', async () => {
    await disk().mkdir('a/b');
    await disk().writeAtomic('a/b/c', utf8('x'));
    await disk().writeAtomic('ab', utf8('y'));
    await disk().remove('a');
    await disk().remove('a');
    expect(await disk().list('')).toEqual(['ab']);
    await disk().remove('ab');
    expect(await disk().list('')).toEqual([]);
  });
}

function errorTests(disk: () => Disk): void {
  test('missing files and directories are ENOENT', async () => {
    expect(await code(disk().read('none'))).toBe('DiskError ENOENT');
    expect(await code(disk().rename('none', 'x'))).toBe('DiskError ENOENT');
    expect(await code(disk().openAppend('none/log'))).toBe('DiskError ENOENT');
    expect(await code(disk().writeAtomic('none/id', utf8('')))).toBe('DiskError ENOENT');
    expect(await code(disk().syncDir('none'))).toBe('DiskError ENOENT');
  });

  test('a directory is not a file and a file is not a directory', async () => {
    await disk().mkdir('dir');
    await disk().writeAtomic('file', utf8('x'));
    expect(await code(disk().read('dir'))).toBe('DiskError EISDIR');
    expect(await code(disk().openAppend('dir'))).toBe('DiskError EISDIR');
    expect(await code(disk().list('file'))).toBe('DiskError ENOTDIR');
    expect(await code(disk().read('file/x'))).toBe('DiskError ENOTDIR');
    expect(await code(disk().mkdir('file'))).toBe('DiskError EEXIST');
    expect(await code(disk().mkdir('file/x'))).toBe('DiskError ENOTDIR');
  });

  test('no path leads out of the root', async () => {
    for (const path of ['/etc/passwd', '../up', 'a/../../up', 'nul\0']) {
      expect(await code(disk().read(path)), path).toBe('DiskError EINVAL');
      expect(await code(disk().writeAtomic(path, utf8(''))), path).toBe('DiskError EINVAL');
    }
    expect(await code(disk().remove(''))).toBe('DiskError EINVAL');
  });
}
