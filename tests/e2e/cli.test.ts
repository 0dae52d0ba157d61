import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Background } from './background.ts';
import { eventually, program, programMissing, type Ran, run, skipBecause, TestAgent } from './harness.ts';

// The command line as processes: what needs children, signals, files and two of them at once. What commands print is
// compared with the reference in packages/cli, and here with a reference program when CONSUL_BIN names one.
// PROCONSUL_E2E_ADDR chooses an agent that runs already, of either kind.

const GIVEN = process.env['PROCONSUL_E2E_ADDR'];

describe.skipIf(skipBecause(programMissing()))('the command line', () => {
  const dir = mkdtempSync(join(tmpdir(), 'proconsul-cli-'));
  let agent: TestAgent | undefined;
  let address = GIVEN ?? '';

  beforeAll(async () => {
    if (GIVEN !== undefined) return;
    agent = new TestAgent({ node: 'n1', config: { disable_remote_exec: false } });
    await agent.start();
    address = agent.address;
  });
  afterAll(async () => {
    await agent?.stop();
    rmSync(dir, { recursive: true });
  });

  const env = () => ({ CONSUL_HTTP_ADDR: address, SHELL: '/bin/sh' });
  const cli = (argv: readonly string[], input = ''): Promise<Ran> =>
    run([...program(), ...argv], { env: env(), input, cwd: dir, timeoutMs: 60_000 });
  const start = (...argv: string[]) => new Background([...program(), ...argv], { env: env(), cwd: dir });
  const http = (path: string, method = 'GET') => fetch(`http://${address}${path}`, { method });

  test('bytes go through kv put and kv get unchanged', async () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    writeFileSync(join(dir, 'bytes'), bytes);
    expect(await cli(['kv', 'put', 'cli/bytes', '@bytes'])).toMatchObject({ code: 0, stderr: '' });
    expect((await cli(['kv', 'get', '-base64', 'cli/bytes'])).stdout).toBe(`${bytes.toString('base64')}\n`);
    expect((await cli(['kv', 'put', 'cli/in', '-'], 'two\nlines\n')).code).toBe(0);
    expect((await cli(['kv', 'get', 'cli/in'])).stdout).toBe('two\nlines\n\n');
  });

  test('kv export and kv import carry a tree with its flags', async () => {
    await cli(['kv', 'put', '-flags=18446744073709551615', 'cli/tree/a', '1']);
    await cli(['kv', 'put', 'cli/tree/b', '2']);
    const { stdout } = await cli(['kv', 'export', 'cli/tree/']);
    expect((await cli(['kv', 'import', '-prefix=copy/', '-'], stdout)).stdout).toBe(
      'Imported: copy/cli/tree/a\nImported: copy/cli/tree/b\n',
    );
    expect((await cli(['kv', 'get', '-detailed', 'copy/cli/tree/a'])).stdout).toContain(
      'Flags            18446744073709551615\n',
    );
  });

  test('a lock lets one child run at a time, in the order that they come free', async () => {
    const log = join(dir, 'lock.log');
    writeFileSync(log, '');
    const child = `echo in >> ${log}; sleep 0.3; echo out >> ${log}`;
    const ends = await Promise.all([1, 2, 3].map(() => cli(['lock', 'cli/lock', child])));
    expect(ends.map((end) => end.code)).toEqual([0, 0, 0]);
    expect(readFileSync(log, 'utf8')).toBe('in\nout\n'.repeat(3));
    expect((await cli(['kv', 'get', '-keys', 'cli/lock'])).stdout).toBe('');
  });

  test('a semaphore of two lets two in, and the third after them', async () => {
    const holders = [1, 2].map(() => start('lock', '-n=2', 'cli/sem', 'echo held; exec sleep 30'));
    try {
      for (const holder of holders) await holder.until(/held/);
      const third = await cli(['lock', '-n=2', '-timeout=500ms', 'cli/sem', 'echo third']);
      expect(third).toMatchObject({
        code: 1,
        stdout: '',
        stderr: 'Shutdown triggered or timeout during lock acquisition\n',
      });
      holders[0]!.signal('SIGINT');
      expect(await holders[0]!.exit()).toBe(0);
      expect((await cli(['lock', '-n=2', 'cli/sem', 'echo third'])).stdout).toBe('third\n');
      // Killed outright it would leave its child behind.
      holders[1]!.signal('SIGTERM');
      expect(await holders[1]!.exit()).toBe(0);
    } finally {
      for (const holder of holders) await holder.stop();
    }
  });

  test('a child whose lock is lost is ended', async () => {
    const holder = start('lock', '-verbose', '-child-exit-code', 'cli/lost', 'echo held; exec sleep 60');
    try {
      await holder.until(/held/);
      const [entry] = (await (await http('/v1/kv/cli/lost/.lock')).json()) as { Session: string }[];
      await http(`/v1/session/destroy/${entry!.Session}`, 'PUT');
      expect(await holder.exit()).toBe(2);
      await holder.until(/Lock lost, killing child\nTerminating child pid \d+\nChild terminated\n/);
    } finally {
      await holder.stop();
    }
  });

  test('the code of a failed child is told, and passed on when asked', async () => {
    const told = await cli(['lock', 'cli/code', 'exit 5']);
    expect(told).toMatchObject({ code: 0, stderr: 'Error running handler: exit status 5\n' });
    expect((await cli(['lock', '-child-exit-code', 'cli/code', 'exit 5'])).code).toBe(2);
    expect((await cli(['lock', '-pass-stdin', 'cli/code', 'cat'], 'hello')).stdout).toBe('hello');
  });

  test('exec shows what nodes answer, and fails when one of them failed', async () => {
    // No node is called so; the test answers in the place of one, as agents that allow remote execution do.
    const exec = start('exec', '-node=^nobody$', '-wait=2s', '-verbose', 'echo hi');
    try {
      const [, session] = await exec.until(/Created remote execution session: (\S+)/);
      const job = () => http(`/v1/kv/_rexec/${session}/job?raw`);
      const text = await eventually(async () => {
        const reply = await job();
        return reply.ok && reply.text();
      });
      expect(JSON.parse(text)).toEqual({ Command: 'echo hi', Wait: 2e9 });
      const put = (key: string, body: string) =>
        fetch(`http://${address}/v1/kv/_rexec/${session}/n9/${key}?acquire=${session}`, { method: 'PUT', body });
      await exec.until(/Fired remote execution event/);
      await put('ack', '');
      await put('out/00000', 'hi\n');
      await put('exit', '3');
      expect(await exec.exit()).toBe(2);
      expect(exec.output).toContain('==> n9: acknowledged\n');
      expect(exec.output).toContain('    n9: hi\n    n9:\n');
      expect(exec.output).toContain('==> n9: finished with exit code 3\n1 / 1 node(s) completed / acknowledged\n');
      expect((await job()).status).toBe(404);
    } finally {
      await exec.stop();
    }
  });

  test('monitor streams the log until it is interrupted', async () => {
    const monitor = start('monitor', '-log-level=debug');
    try {
      await eventually(async () => {
        await http('/v1/status/leader');
        return monitor.until(/\[DEBUG\] agent\.http: Request finished/, 500);
      });
      monitor.signal('SIGINT');
      expect(await monitor.exit()).toBe(0);
    } finally {
      await monitor.stop();
    }
  });

  test('a snapshot is saved for its owner only, inspected, and restored', async () => {
    await cli(['kv', 'put', 'cli/snap', 'before']);
    const saved = await cli(['snapshot', 'save', 'state.snap']);
    expect(saved.stdout).toMatch(/^Saved and verified snapshot to index \d+\n$/);
    expect(statSync(join(dir, 'state.snap')).mode & 0o777).toBe(0o600);
    expect((await cli(['snapshot', 'inspect', '-kvdetails', 'state.snap'])).stdout).toMatch(/^ cli\/snap +1 +\d+B$/m);
    expect((await cli(['snapshot', 'decode', 'state.snap'])).stdout.split('\n')[0]).toContain(
      '"Type":"SnapshotHeader"',
    );
    await cli(['kv', 'put', 'cli/snap', 'after']);
    expect(await cli(['snapshot', 'restore', 'state.snap'])).toMatchObject({ code: 0, stdout: 'Restored snapshot\n' });
    expect((await cli(['kv', 'get', 'cli/snap'])).stdout).toBe('before\n');
  });

  test('debug gathers into one archive', async () => {
    const argv = ['debug', '-capture=agent', '-capture=host', '-capture=members', '-capture=metrics'];
    const { code, stdout, stderr } = await cli([...argv, '-duration=10s', '-interval=5s', '-output=dbg']);
    expect([code, stdout.split('\n').at(-2), stderr]).toEqual([0, '    Saved debug archive: dbg.tar.gz', '']);
    const tar = gunzipSync(readFileSync(join(dir, 'dbg.tar.gz'))).toString('latin1');
    for (const name of ['agent', 'host', 'index', 'members', 'metrics']) expect(tar).toContain(`dbg/${name}.json\0`);
    expect(existsSync(join(dir, 'dbg'))).toBe(false);
  });

  test('a reader that stops early is no error', async () => {
    const shell = `${program().join(' ')} --help | head -1`;
    expect(await run(['sh', '-c', shell], { env: env() })).toMatchObject({ code: 0, stderr: '' });
  });
});
