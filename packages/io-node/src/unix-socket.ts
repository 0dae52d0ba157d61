import { chmodSync, chownSync, lstatSync, readFileSync, unlinkSync } from 'node:fs';
import { NetworkError } from '@proconsul/base';

/** Who may use a unix-domain socket. `user` and `group` are names or numbers; left out, they stay as created. */
export interface SocketOwner {
  readonly mode?: number;
  readonly user?: string;
  readonly group?: string;
}

/** Removes the socket that an earlier process left at `path`. Anything that is not a socket stays, and listening fails. */
export function removeStaleSocket(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found?.isSocket()) unlinkSync(path);
}

/** Applies mode and owner to the socket at `path`. Throws NetworkError for a name that the system does not know. */
export function applySocketOwner(path: string, owner: SocketOwner): void {
  const set = (value: string | undefined): value is string => value !== undefined && value !== '';
  const uid = set(owner.user) ? idOf(owner.user, '/etc/passwd', 'user') : -1;
  const gid = set(owner.group) ? idOf(owner.group, '/etc/group', 'group') : -1;
  if (uid !== -1 || gid !== -1) chownSync(path, uid, gid);
  if (owner.mode !== undefined) chmodSync(path, owner.mode);
}

function idOf(name: string, table: string, kind: string): number {
  if (/^\d{1,10}$/.test(name)) return Number(name);
  for (const line of readFileSync(table, 'utf8').split('\n')) {
    const [entry, , id] = line.split(':');
    if (entry === name && id !== undefined) return Number(id);
  }
  throw new NetworkError('EINVAL', `${kind}: unknown ${kind} ${name}`);
}
