import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { notifyReady } from './systemd-notify.ts';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'notify-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

/** Stands for systemd's program: writes down for whom it was called, and how. */
function program(exitCode: number): string {
  const path = join(home, 'systemd-notify');
  writeFileSync(path, `#!/bin/sh\necho "$NOTIFY_SOCKET $*" >'${home}/said'\nexit ${exitCode}\n`);
  chmodSync(path, 0o755);
  return path;
}

/** What `notifyReady` logs when it is over. */
const outcome = (env: Record<string, string>, path: string) =>
  new Promise<[string, unknown]>((resolve) => {
    const told = (message: string, fields?: unknown) => resolve([message, fields]);
    notifyReady(env, { warn: told, debug: told }, path);
  });

test('systemd is told that the agent is ready', async () => {
  expect(await outcome({ NOTIFY_SOCKET: '/run/it' }, program(0))).toEqual([
    ...['systemd was told that the agent is ready', undefined],
  ]);
  expect(readFileSync(join(home, 'said'), 'utf8')).toBe('/run/it --ready\n');
});

test('a failure is logged, and so is a machine without the program', async () => {
  const path = program(1);
  expect(await outcome({ NOTIFY_SOCKET: '/run/it' }, path)).toEqual([
    ...['Cannot notify systemd', { error: `${path} exited with 1` }],
  ]);
  const nothing = join(home, 'nothing');
  expect(await outcome({ NOTIFY_SOCKET: '/run/it' }, nothing)).toEqual([
    ...['Cannot notify systemd', { error: `spawn ${nothing} ENOENT` }],
  ]);
});

test('nothing is started where no service manager asks', () => {
  const log = { warn: vi.fn(), debug: vi.fn() };
  // It would throw at once: a program with a zero byte cannot even be tried.
  notifyReady({ NOTIFY_SOCKET: '' }, log, '\0');
  notifyReady({}, log, '\0');
  expect(() => notifyReady({ NOTIFY_SOCKET: '/run/it' }, log, '\0')).toThrow('null bytes');
});
