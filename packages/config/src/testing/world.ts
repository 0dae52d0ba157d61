import { parseAgentFlags } from '../flags.ts';
import { type LoadInput, loadWithFlags } from '../load.ts';
import type { InterfaceAddress } from '../sockaddr.ts';

/** The machine that the vectors were recorded on. */
export const RECORDED_INTERFACES: readonly InterfaceAddress[] = [
  { name: 'lo', address: '127.0.0.1', prefixLength: 8, flags: ['up', 'loopback'], isDefault: false },
  { name: 'lo', address: '::1', prefixLength: 128, flags: ['up', 'loopback'], isDefault: false },
  { name: 'eth0', address: '192.0.2.2', prefixLength: 24, flags: ['up', 'broadcast', 'multicast'], isDefault: true },
  { name: 'eth0', address: 'fd00::2', prefixLength: 64, flags: ['up', 'broadcast', 'multicast'], isDefault: true },
  { name: 'eth0', address: 'fe80::1', prefixLength: 64, flags: ['up', 'broadcast', 'multicast'], isDefault: true },
];

/** A world of files in memory. Directories are the prefixes of the paths; a path ending in `/` is an empty directory. */
export function worldOf(files: Readonly<Record<string, string>>): Omit<LoadInput, 'args'> {
  const missing = (path: string) => Object.assign(new Error(`missing ${path}`), { code: 'ENOENT' });
  const isDirectory = (path: string) =>
    Object.keys(files).some((file) => file.startsWith(`${path.replace(/\/$/, '')}/`));
  return {
    readFile(path) {
      const text = files[path];
      if (text === undefined) throw missing(path);
      return new TextEncoder().encode(text);
    },
    listDir(path) {
      const prefix = `${path.replace(/\/$/, '')}/`;
      const inside = Object.keys(files).filter((file) => file.startsWith(prefix));
      return [...new Set(inside.map((file) => file.slice(prefix.length).split('/')[0]!))].filter((name) => name !== '');
    },
    stat: (path) => (files[path] !== undefined ? 'file' : isDirectory(path) ? 'directory' : undefined),
    env: {},
    hostname: 'host-1',
    interfaces: RECORDED_INTERFACES,
    maxFileDescriptors: 20_000,
  };
}

/** Loads with command line arguments in a world of files. */
export function load(args: readonly string[], files: Readonly<Record<string, string>> = {}) {
  return loadWithFlags(parseAgentFlags(args), worldOf(files));
}

/** Loads one HCL text as a file. */
export function loadText(text: string, args: readonly string[] = []) {
  return load(['-config-file', 't.hcl', ...args], { 't.hcl': text });
}
