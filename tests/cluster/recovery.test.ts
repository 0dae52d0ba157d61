import { chmodSync, chownSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually, programMissing, skipBecause, type TestAgent } from '../e2e/harness.ts';
import { Cluster } from './cluster.ts';

const SOMEBODY = 65534;

/** Every file and folder below `dir`, and itself. */
const files = (dir: string): string[] => [
  dir,
  ...readdirSync(dir, { recursive: true, encoding: 'utf8' }).map((path) => join(dir, path)),
];

function own(dir: string, user: number): void {
  for (const file of files(dir)) chownSync(file, user, user);
}

describe.skipIf(skipBecause(programMissing()))('a cluster that has lost its quorum for good', () => {
  let cluster: Cluster;

  beforeAll(async () => {
    cluster = await Cluster.start({ servers: 3, clients: 0 });
  }, 60_000);
  afterAll(() => cluster?.stop());

  test('goes on with the server that is left, and with all that was written', async () => {
    const [left, ...lost] = cluster.servers as [TestAgent, ...TestAgent[]];
    await left.mustPut('/v1/kv/a', '1');
    await eventually(async () => (await left.get('/v1/kv/a?stale&raw')).text === '1');
    const recover = (...args: string[]) =>
      left.cli(['operator', 'raft', 'recover', `-data-dir=${left.dir}/data`, ...args]);
    expect(await recover('-keep=self')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/process \d+ uses .*: stop the server first/),
    });
    for (const server of lost) await server.kill();
    await left.kill();

    // The server runs as somebody, and root recovers it.
    const isRoot = process.getuid?.() === 0;
    if (isRoot) {
      chmodSync(left.dir, 0o755);
      own(`${left.dir}/data`, SOMEBODY);
    }
    const shown = await recover();
    expect(shown.stdout).toMatch(/^Last index \d+ of term \d+\. Servers:\n/);
    expect(shown.stdout.match(/ true /g)).toHaveLength(3);
    expect(await recover('keep=self')).toMatchObject({
      code: 1,
      stderr: 'Too many arguments (expected 0, got 1)\n',
    });
    expect(await recover('-keep=nobody')).toMatchObject({
      code: 1,
      stderr: 'Error recovering: server nobody is not in the configuration\n',
    });
    const done = await recover('-keep=self');
    expect([done.code, done.stderr]).toEqual([0, '']);
    expect(done.stdout.match(/ true /g)).toHaveLength(1);

    if (isRoot) {
      expect(files(`${left.dir}/data`).filter((file) => statSync(file).uid !== SOMEBODY)).toEqual([]);
      own(`${left.dir}/data`, 0);
    }

    await left.start();
    await eventually(async () => (await left.get('/v1/status/leader')).text.includes(String(left.ports.server)));
    expect((await left.get('/v1/kv/a?raw')).text).toBe('1');
    await left.mustPut('/v1/kv/b', '2');
    expect((await left.get('/v1/status/peers')).json()).toHaveLength(1);
  }, 60_000);
});
