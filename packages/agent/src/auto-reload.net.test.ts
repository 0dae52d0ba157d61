import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManualClock } from '@proconsul/base/testing';
import { loadConfig } from '@proconsul/config';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { COALESCE_MS, keepingSafe, PathWatch, watchedPaths } from './auto-reload.ts';
import { configWorld } from './config-world.ts';

let home = '';
let clock: ManualClock;
let changes: number[];
let watch: PathWatch;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'auto-reload-'));
  clock = new ManualClock();
  changes = [];
  watch = new PathWatch(clock, (events) => changes.push(events));
});
afterEach(() => {
  watch.close();
  rmSync(home, { recursive: true, force: true });
});

/** Until the system has told of the change: then a timer waits. */
async function told(): Promise<void> {
  const endsAt = performance.now() + 5000;
  while (clock.waiting === 0 && performance.now() < endsAt) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(clock.waiting).toBe(1);
}

test('changes close together are told once, a second after the first', async () => {
  const file = join(home, 'a.hcl');
  writeFileSync(file, 'x');
  expect(watch.set([file])).toEqual([]);
  writeFileSync(file, 'y');
  await told();
  await clock.advance(COALESCE_MS - 1);
  expect(changes).toEqual([]);
  await clock.advance(1);
  expect(changes).toHaveLength(1);
  expect(changes[0]).toBeGreaterThan(0);
});

test('a file that is moved into place, and a new one in a directory, are seen; others beside a file are not', async () => {
  const [file, directory] = [join(home, 'a.hcl'), join(home, 'conf')];
  mkdirSync(directory);
  writeFileSync(file, 'x');
  watch.set([file, directory]);
  writeFileSync(join(home, 'other'), 'z');
  writeFileSync(join(home, 'new'), 'y');
  renameSync(join(home, 'new'), file);
  await told();
  await clock.advance(COALESCE_MS);
  expect(changes).toHaveLength(1);
  writeFileSync(join(directory, 'b.json'), '{}');
  await told();
  await clock.advance(COALESCE_MS);
  expect(changes).toHaveLength(2);
});

test('what cannot be watched is named; nothing is told once it is closed', async () => {
  expect(watch.set([join(home, 'none', 'a.hcl')])).toEqual([join(home, 'none', 'a.hcl')]);
  watch.close();
  await clock.advance(10 * COALESCE_MS);
  expect(changes).toEqual([]);
});

test('verification is not switched by itself', () => {
  const config = (hcl: string) => {
    const path = join(home, 'c.hcl');
    writeFileSync(path, hcl);
    return loadConfig({ args: ['-dev', `-config-file=${path}`], ...configWorld({}) }).runtime;
  };
  const warnings: unknown[] = [];
  const log = { warn: (_: string, fields?: unknown) => warnings.push(fields) };
  const present = config('');
  expect(watchedPaths(present)).toEqual([join(home, 'c.hcl')]);
  const next = config(
    'encrypt_verify_incoming = false\ndatacenter = "east"\ntls { https { verify_incoming = true ca_file = "/ca" } }',
  );
  const safe = keepingSafe(next, present, log);
  expect([safe.encryptVerifyIncoming, safe.tls.https.verifyIncoming]).toEqual([true, false]);
  expect([safe.datacenter, safe.tls.https.caFile]).toEqual(['east', '/ca']);
  expect(warnings).toEqual([{ protocol: 'https', settings: 'verifyIncoming' }, { settings: 'encryptVerifyIncoming' }]);
  expect(watchedPaths(next)).toContain('/ca');
});
