import dns from 'node:dns';
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { type CheckType, checkKind, checkType } from '@proconsul/checks';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createCheckRunner } from './index.ts';
import recorded from './testdata/oracle-outputs.json' with { type: 'json' };
import { realClock } from './testing/real-clock.ts';
import { startServers, type TestServers } from './testing/servers.ts';

let servers: TestServers;
beforeAll(async () => {
  servers = await startServers();
});
afterAll(() => servers.close());

/** Recorded with 700 ms; shorter here where the time is to run out. */
const TIMEOUT_MS = 700;

function fill(text: string): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => servers.names.get(name) ?? whole);
}

function definitionOf(body: Readonly<Record<string, unknown>>, timeoutMs = TIMEOUT_MS): CheckType {
  const { Args, ...rest } = JSON.parse(fill(JSON.stringify(body))) as Record<string, unknown>;
  const fields = { ...rest, Interval: 1e9, Timeout: timeoutMs * 1e6, ScriptArgs: (Args as string[] | undefined) ?? [] };
  return checkType(fields as Partial<CheckType>);
}

function run(body: Readonly<Record<string, unknown>>, timeoutMs?: number, signal = new AbortController().signal) {
  const runner = createCheckRunner({ dockerHost: fill('unix://{docker}') }, { clock: realClock });
  return runner(definitionOf(body, timeoutMs), signal);
}

/** Facts that are told apart on purpose; each has a test of its own below, or the reason here. */
const OTHERWISE = new Set([
  's-notexec', // A script without a shebang line is run by the shell instead of refused.
  'd-ok', // Framed output of containers is taken apart instead of shown with its frames.
  'd-one',
  'd-two',
  'h-echopost', // The recording server refused the method; here `post` is not refused.
  'x-h2', // A blank in a query is encoded instead of sent.
  'x-h14', // A server of neither TLS nor HTTP cannot be told from one of HTTP.
  'x-d', // The engine that is missing has a test of its own.
]);

const hasIpv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === '::1'));
const facts = recorded.facts.filter(
  ({ name, output }) => !OTHERWISE.has(name) && (hasIpv6 || !output.includes('dial tcp [::1]')),
);

describe('each kind of check says what the reference agent said', () => {
  test.concurrent.for(facts)('$type $name', async ({ definition, status, output, type }, { expect }) => {
    expect(checkKind(definitionOf(definition))).toBe(type);
    const result = await run(definition);
    expect({ ...result, output: mask(result.output) }).toEqual({ status, output: mask(fill(output)) });
  });
});

/** Hides what differs from machine to machine: the resolver, source ports, process ids. */
function mask(text: string): string {
  const server = dns.getServers()[0];
  const resolver = server === undefined ? '' : server.includes(':') ? server : `${server}:53`;
  return text
    .replace(/127\.0\.0\.1:(\d+|\{source\})->/, '127.0.0.1:*->')
    .replace(/(localhost.*|^)dial tcp \[::1\]:1:/, '$1dial tcp 127.0.0.1:1:')
    .replace(/ on \{resolver\}/, resolver === '' ? '' : ' on *')
    .replace(` on ${resolver}`, ' on *')
    .replace(/: (no such host|server misbehaving|i\/o timeout)$/, ': no such host');
}

describe('what the recording could not show', () => {
  test('a container’s output is taken out of its frames, and Shell is not used', async () => {
    const body = { DockerContainerID: 'one', Args: ['a', 'b'], Shell: '/bin/zsh' };
    expect(await run(body)).toEqual({ status: 'warning', output: 'out line\nerr line\nmore' });
    expect(await run({ ...body, DockerContainerID: 'cont' })).toMatchObject({ status: 'passing' });
    expect(await run({ ...body, DockerContainerID: 'two' })).toMatchObject({ status: 'critical' });
    const created = servers.docker.requests.find((line) => line.startsWith('POST /containers/one/exec'));
    expect(created).toContain(
      '{"AttachStdin":false,"AttachStdout":true,"AttachStderr":true,"Tty":false,"Cmd":["a","b"]}',
    );
  });

  test('a container that does not answer in time is critical', async () => {
    const { status, output } = await run({ DockerContainerID: 'hang', Args: ['a'] }, 100);
    expect(status).toBe('critical');
    expect(output).toMatch(
      /^start exec failed for container hang: Post ".*\/exec\/e\d+\/start": context deadline exceeded$/,
    );
  });

  test('an engine that is not there is named', async () => {
    const runner = createCheckRunner({ dockerHost: 'unix:///nowhere/docker.sock' }, { clock: realClock });
    const check = definitionOf({ DockerContainerID: 'c', Args: ['a'] });
    expect(await runner(check, new AbortController().signal)).toEqual({
      status: 'critical',
      output:
        'create exec failed for container c: Post "http://%2Fnowhere%2Fdocker.sock/containers/c/exec": ' +
        'dial unix /nowhere/docker.sock: connect: no such file or directory',
    });
  });

  test('long output is cut: scripts and containers say so, HTTP does not', async () => {
    const numbers = 'i=0; while [ $i -lt 1000 ]; do printf "%05d." $i; i=$((i+1)); done';
    const script = await run({ Args: ['sh', '-c', numbers] }, 5_000);
    expect(script.output).toMatch(/^Captured 4096 of 6000 bytes\n\.\.\.\n317\.00318\..*\.00999\.$/);
    const docker = await run({ DockerContainerID: 'long', Args: ['a'] });
    expect(docker.output).toBe(`Captured 4096 of 6000 bytes\n...\n${'z'.repeat(4096)}`);
    const http = await run({ HTTP: 'http://127.0.0.1:{http}/long' });
    expect(http.output).toBe(fill(`HTTP GET http://127.0.0.1:{http}/long: 200 OK Output: ${'y'.repeat(4096)}`));
  });

  test('standard output and error of a script keep their order', async () => {
    const command = 'for i in 1 2 3 4 5 6 7 8; do echo out$i; echo err$i >&2; done';
    const wanted = [1, 2, 3, 4, 5, 6, 7, 8].map((i) => `out${i}\nerr${i}\n`).join('');
    for (let round = 0; round < 5; round++) {
      expect(await run({ Args: ['sh', '-c', command] }, 5_000)).toEqual({ status: 'passing', output: wanted });
    }
  });

  test('a script that takes too long is killed with its children', async () => {
    const { status, output } = await run({ Args: ['sh', '-c', 'sleep 30 & echo $!; wait'] }, 400);
    expect(status).toBe('critical');
    const child = Number(/^Timed out \(400ms\) running check\n\n(\d+)\n$/.exec(output)?.[1]);
    expect(child).toBeGreaterThan(1);
    await expect.poll(() => isRunning(child)).toBe(false);
  });

  test('a script of a check that is removed is killed', async () => {
    const abort = new AbortController();
    const running = run({ Args: ['sleep', '30'] }, 60_000, abort.signal);
    setTimeout(() => abort.abort(), 50);
    expect((await running).status).toBe('critical');
  });

  test('a UDP peer that says nothing is passing', async () => {
    const result = await run({ UDP: '127.0.0.1:{udpSilent}' }, 100);
    expect(result).toEqual({ status: 'passing', output: fill('UDP connect 127.0.0.1:{udpSilent}: Success') });
  });

  test('a method is sent as written, and own headers replace the usual ones', async () => {
    const Header = { 'X-a': ['1', '2'], host: ['example.org'], 'user-agent': ['mine'], Accept: ['x/y'] };
    const { output } = await run({ HTTP: 'http://127.0.0.1:{http}/echo?a=b', Method: 'PUT', Body: 'bb', Header });
    expect(JSON.parse(output.slice(output.indexOf('{')))).toEqual({
      method: 'PUT',
      url: '/echo?a=b',
      http: '1.1',
      raw: [
        ...[
          'Host',
          'example.org',
          'User-Agent',
          'mine',
          'Content-Length',
          '2',
          'Accept',
          'x/y',
          'X-a',
          '1',
          'X-a',
          '2',
        ],
        ...['Accept-Encoding', 'gzip', 'Connection', 'close'],
      ],
      body: 'bb',
    });
    const lower = await run({ HTTP: 'http://127.0.0.1:{http}/echo', Method: 'post' });
    expect(lower.output).toContain('400 Bad Request'); // As the same server answered the reference agent.
  });

  test('a certificate is verified against the authority of the agent', async () => {
    const ca = readFileSync(new URL('./testdata/server-cert.pem', import.meta.url), 'utf8');
    const runner = createCheckRunner({ tls: { ca } }, { clock: realClock });
    const check = definitionOf({ TCP: '127.0.0.1:{tls}', TCPUseTLS: true, TLSServerName: 'probe.test' });
    const signal = new AbortController().signal;
    expect(await runner(check, signal)).toMatchObject({ status: 'passing' });
    expect(await runner({ ...check, TLSServerName: 'other.test' }, signal)).toEqual({
      status: 'critical',
      output: 'tls: failed to verify certificate: x509: certificate is valid for probe.test, not other.test',
    });
    const expired = createCheckRunner({ tls: { ca } }, { clock: { ...realClock, wallMs: () => Date.UTC(2080, 0, 1) } });
    const { output } = await expired(check, signal);
    expect(output).toMatch(
      /x509: certificate has expired or is not yet valid: current time 2080-01-01T00:00:00Z is after \d{4}-/,
    );
  });

  test('kinds that are not run are refused', async () => {
    const runner = createCheckRunner({}, { clock: realClock });
    await expect(runner(checkType({ TTL: 1e9 }), new AbortController().signal)).rejects.toThrow('not run');
    await expect(runner(checkType({ AliasService: 'x' }), new AbortController().signal)).rejects.toThrow('not run');
  });

  test('no run leaves a connection open', async () => {
    const kinds = ['http', 'tcp', 'grpc', 'h2ping', 'docker'];
    await Promise.all(facts.filter((f) => kinds.includes(f.type)).map((f) => run(f.definition, 300)));
    await expect.poll(() => servers.connections(), { timeout: 5_000 }).toBe(0);
  });
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
