import { rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { must, works } from './commands.ts';

const SIZE = '160M';
const BALLAST = 'ballast';
/** Files that fill a disk, the largest first. */
const BALLAST_MAX = 30;

/** Holds a file system still for so long, from outside of whatever may be killed meanwhile. */
export type Freeze = (path: string, forMs: number) => void;

/**
 * File systems of their own for servers, each in a file of this machine's disk, so that a disk can fill up, stand still, fail and
 * lose its power without anybody else noticing. Source: ext4(5) (`abort`), fsfreeze(8).
 */
export class Disks {
  readonly #mounted = new Set<string>();
  readonly #freeze: Freeze;

  constructor(freeze: Freeze) {
    this.#freeze = freeze;
  }

  /** Makes a file system and mounts it at the folder `at`. */
  async make(at: string): Promise<void> {
    const image = `${at}.img`;
    await must('truncate', '-s', SIZE, image);
    await must('mkfs.ext4', '-q', '-F', image);
    await this.mount(at);
  }

  async mount(at: string): Promise<void> {
    await must('mount', '-o', 'loop', `${at}.img`, at);
    this.#mounted.add(at);
  }

  async unmount(at: string): Promise<void> {
    await must('umount', at);
    this.#mounted.delete(at);
  }

  /** From here on nothing reaches the disk any more: what was not synced is lost once it is mounted again. */
  async fail(at: string): Promise<void> {
    await must('mount', '-o', 'remount,abort', at);
  }

  /** Takes all the space there is. */
  async fill(at: string): Promise<void> {
    for (let n = 0; n < BALLAST_MAX; n++) {
      const { bavail, bsize } = statfsSync(at);
      if (bavail === 0) return;
      // Part of what is free goes into the description of the file itself.
      const blocks = Math.max(1, bavail - Math.ceil(bavail / 100));
      await works('fallocate', '-l', String(blocks * bsize), join(at, `${BALLAST}${n}`));
    }
  }

  free(at: string): void {
    for (let n = 0; n < BALLAST_MAX; n++) rmSync(join(at, `${BALLAST}${n}`), { force: true });
  }

  /** Nothing can be written for so long; whoever tries stands still. */
  freeze(at: string, forMs: number): void {
    this.#freeze(at, forMs);
  }

  async close(): Promise<void> {
    for (const at of [...this.#mounted]) await works('umount', '-l', at);
    this.#mounted.clear();
  }
}
