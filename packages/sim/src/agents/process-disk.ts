import type { AppendFile, Disk } from '@proconsul/base';
import type { AgentProcess } from './process.ts';

/** A disk as a process sees it: what is done while the process stands still is noticed when it goes on. */
export function diskOf(process: AgentProcess, disk: Disk): Disk {
  const noticed = <T>(work: Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      work.then(
        (value) => process.receive(() => resolve(value)),
        (error) => process.receive(() => reject(error)),
      );
    });
  const fileOf = (file: AppendFile): AppendFile => ({
    get sizeBytes() {
      return file.sizeBytes;
    },
    append: (chunks) => file.append(chunks),
    sync: () => noticed(file.sync()),
    reserve: (sizeBytes) => file.reserve(sizeBytes),
    truncate: (sizeBytes) => noticed(file.truncate(sizeBytes)),
    close: () => noticed(file.close()),
  });
  return {
    openAppend: async (path, mode) => fileOf(await noticed(disk.openAppend(path, mode))),
    read: (path) => noticed(disk.read(path)),
    writeAtomic: (path, bytes, mode) => noticed(disk.writeAtomic(path, bytes, mode)),
    rename: (from, to) => noticed(disk.rename(from, to)),
    remove: (path) => noticed(disk.remove(path)),
    list: (path) => noticed(disk.list(path)),
    mkdir: (path, mode) => noticed(disk.mkdir(path, mode)),
    syncDir: (path) => noticed(disk.syncDir(path)),
  };
}
