import { unlinkSync, writeFileSync } from 'node:fs';
import { errorText } from '@proconsul/base';

/** Throws with Consul's text. An empty path means none. */
export function writePidFile(path: string): void {
  if (path === '') return;
  try {
    writeFileSync(path, String(process.pid), { mode: 0o644 });
  } catch (error) {
    throw new Error(`Could not open pid file: open ${path}: ${goErrno(error)}`);
  }
}

export function removePidFile(path: string): void {
  if (path !== '') unlinkSync(path);
}

function goErrno(error: unknown): string {
  const code = (error as { code?: string }).code;
  if (code === 'ENOENT') return 'no such file or directory';
  if (code === 'EACCES') return 'permission denied';
  return errorText(error);
}
