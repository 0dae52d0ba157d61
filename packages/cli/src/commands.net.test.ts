import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, expect, test } from 'vitest';
import { memoryTransport, runInMemory } from './testing/memory-io.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'cli-'));
  closers.push(() => rmSync(path, { recursive: true }));
  return path;
}

const SAMPLE = new URL('./testdata/snapshot-rich.snap', import.meta.url).pathname;

test('snapshot inspect prints what the reference prints of the same file', async () => {
  const { status, stdout } = await runInMemory(['snapshot', 'inspect', '-kvdetails', SAMPLE]);
  expect(status).toBe(0);
  expect(stdout).toBe(readFileSync(new URL('./testdata/snapshot-rich.inspect.txt', import.meta.url), 'utf8'));
});

test('snapshot decode prints a header and every record as a line of JSON', async () => {
  const lines = (await runInMemory(['snapshot', 'decode', SAMPLE])).stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines).toHaveLength(86);
  expect(lines[0]).toMatchObject({ Type: 'SnapshotHeader', Data: { Index: 51 } });
  expect(lines.find((line) => line.Data.Key === 'foo')).toMatchObject({ Type: 'KVS' });
});

test('snapshot save checks what it wrote, and leaves nothing behind when it is no snapshot', async () => {
  const dir = folder();
  const good = memoryTransport(() => ({ status: 200, headers: {}, body: readFileSync(SAMPLE, 'latin1') }));
  expect(await runInMemory(['snapshot', 'save', join(dir, 'a.snap')], { transport: good })).toEqual({
    status: 0,
    stdout: 'Saved and verified snapshot to index 51\n',
    stderr: '',
  });
  expect(statSync(join(dir, 'a.snap')).mode & 0o777).toBe(0o600);
  const bad = memoryTransport(() => ({ status: 200, headers: {}, body: 'not a snapshot at all' }));
  const { status, stderr } = await runInMemory(['snapshot', 'save', join(dir, 'b.snap')], { transport: bad });
  expect([status, stderr]).toEqual([
    1,
    'Error verifying snapshot file: failed to decompress snapshot: gzip: invalid header\n',
  ]);
  expect(readdirSync(dir)).toEqual(['a.snap']);
});

test('watch runs its command with the view on standard input and the index in the environment', async () => {
  let reads = 0;
  const transport = memoryTransport((request) => {
    if (request.includes('status/leader')) return { status: 200, headers: {}, body: '"x"' };
    reads++;
    const body =
      '[{"Key":"k","Value":"MQ==","Flags":18446744073709551615,"CreateIndex":3,"ModifyIndex":5,"LockIndex":0}]';
    return { status: 200, headers: { 'x-consul-index': String(reads + 4) }, body };
  });
  const argv = ['watch', '-type=key', '-key=k', 'cat; echo $CONSUL_INDEX; [ $CONSUL_INDEX = 5 ] || exit 7'];
  const { status, stdout, stderr } = await runInMemory(argv, {
    transport,
    env: { SHELL: '/bin/sh', PATH: process.env['PATH']! },
  });
  const view =
    '{"Key":"k","CreateIndex":3,"ModifyIndex":5,"LockIndex":0,"Flags":18446744073709551615,"Value":"MQ==","Session":""}';
  expect(stdout).toBe(`${view}\n5\n${view}\n6\n`);
  expect([status, stderr]).toEqual([1, 'Error executing handler: exit status 7\n']);
});

test('a command that cannot be started is named as Go names it', async () => {
  const transport = memoryTransport(() => ({ status: 200, headers: {}, body: '[]' }));
  const watched = await runInMemory(['watch', '-shell=false', '-type=nodes', '/bin/nonexist'], { transport });
  expect(watched.stderr).toBe('Error starting handler: fork/exec /bin/nonexist: no such file or directory\n');
});

test('errors of the connection read as those of Go', async () => {
  const at = async (address: string, ...argv: string[]) =>
    (await runInMemory(argv, { env: { CONSUL_HTTP_ADDR: address } })).stderr;
  expect(await at('127.0.0.1:1', 'kv', 'get', 'foo')).toBe(
    'Error querying Consul agent: Get "http://127.0.0.1:1/v1/kv/foo": dial tcp 127.0.0.1:1: connect: connection refused\n',
  );
  expect(await at('unix:///nonexist.sock', 'members')).toBe(
    'Error retrieving members: Get "http://localhost/v1/agent/members?segment=_all": dial unix /nonexist.sock: connect: no such file or directory\n',
  );
  const server = createServer((_request, response) => response.end('{}'));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  closers.push(() => server.close());
  const { port } = server.address() as AddressInfo;
  expect(await at(`https://127.0.0.1:${port}`, 'kv', 'get', 'x')).toBe(
    `Error querying Consul agent: Get "https://127.0.0.1:${port}/v1/kv/x": http: server gave HTTP response to HTTPS client\n`,
  );
});

test('completion offers commands, subcommands and flags', async () => {
  const complete = async (line: string) =>
    (await runInMemory([], { env: { COMP_LINE: line } })).stdout.split('\n').filter(Boolean);
  expect(await complete('consul mem')).toEqual(['members']);
  expect(await complete('consul kv ')).toEqual(['delete', 'export', 'get', 'import', 'put']);
  expect(await complete('consul operator raft l')).toEqual(['list-peers']);
  expect(await complete('consul kv get -se')).toEqual(['-separator']);
  expect(await complete('consul kv get foo')).toEqual([]);
});

test('completion is installed once in the files that exist, and uninstalled without a trace', async () => {
  const home = folder();
  writeFileSync(join(home, '.bashrc'), 'alias ll=ls\n');
  mkdirSync(join(home, '.config', 'fish'), { recursive: true });
  const env = { HOME: home };
  for (let i = 0; i < 2; i++) expect((await runInMemory(['-autocomplete-install'], { env })).status).toBe(0);
  expect(readFileSync(join(home, '.bashrc'), 'utf8')).toBe(
    'alias ll=ls\ncomplete -C consul consul\ncomplete -C consul proconsul\n',
  );
  expect(readFileSync(join(home, '.config/fish/completions/consul.fish'), 'utf8')).toContain('complete -f -c consul');
  expect(readdirSync(home).sort()).toEqual(['.bashrc', '.config']);
  await runInMemory(['-autocomplete-uninstall'], { env });
  expect(readFileSync(join(home, '.bashrc'), 'utf8')).toBe('alias ll=ls\n');
});

test('kv put reads files and standard input as bytes', async () => {
  const file = join(folder(), 'data');
  writeFileSync(file, Uint8Array.of(0, 255, 10));
  const sent: string[] = [];
  const transport = memoryTransport((request, body) => {
    sent.push(`${request} ${JSON.stringify(body)}`);
    return { status: 200, headers: {}, body: 'true' };
  });
  await runInMemory(['kv', 'put', 'a', `@${file}`], { transport });
  await runInMemory(['kv', 'put', 'b', '-'], { transport, stdin: 'in\n' });
  expect(sent).toEqual(['PUT /v1/kv/a "\\u0000\u00ff\\n"', 'PUT /v1/kv/b "in\\n"']);
  const missing = await runInMemory(['kv', 'put', 'c', '@/nonexist'], { transport });
  expect(missing.stderr).toBe('Error! Failed to read file: open /nonexist: no such file or directory\n');
});

test('services register reads definitions and sends what they say', async () => {
  const file = join(folder(), 'web.hcl');
  writeFileSync(
    file,
    'services { name = "a" port = 1 }\nservice { name = "b" id = "b1" meta { k = "v" } check { ttl = "10s" } }\n',
  );
  const sent: unknown[] = [];
  const transport = memoryTransport((_request, body) => {
    sent.push(JSON.parse(body));
    return { status: 200, headers: {}, body: '' };
  });
  const { stdout } = await runInMemory(['services', 'register', file], { transport });
  expect(stdout).toBe('Registered service: a\nRegistered service: b\n');
  expect(sent).toMatchObject([
    { Name: 'a', Port: 1 },
    { Name: 'b', ID: 'b1', Meta: { k: 'v' }, Checks: [{ TTL: 10e9 }] },
  ]);
});

test('validate says where the fault is, below the text that scripts know', async () => {
  const dir = folder();
  const file = join(dir, 'bad.hcl');
  writeFileSync(file, 'data_dir = "/x"\nserfer = true\n');
  const { status, stderr } = await runInMemory(['validate', file]);
  expect(status).toBe(1);
  expect(stderr).toContain(
    `Config validation failed: failed to parse ${file}: 1 error occurred:\n\t* invalid config key serfer\n`,
  );
  expect(stderr).toContain(`at ${file}:2:1`);
  writeFileSync(file, 'data_dir = "/x"\nbind_addr = "127.0.0.1"\n');
  expect((await runInMemory(['validate', file])).stdout).toBe('Configuration is valid!\n');
  expect(await runInMemory(['validate', '-quiet', file])).toEqual({ status: 0, stdout: '', stderr: '' });
});

test('debug refuses short times and unknown targets', async () => {
  const transport = memoryTransport(() => ({ status: 200, headers: {}, body: '{}' }));
  const errorOf = async (...argv: string[]) => (await runInMemory(['debug', ...argv], { transport })).stderr;
  expect(await errorOf('-duration=1s')).toBe('==> Capture validation failed: duration must be longer than 10s\n');
  expect(await errorOf('-interval=1s')).toBe('==> Capture validation failed: interval must be longer than 10s\n');
  expect(await errorOf('-capture=bad')).toBe('==> Capture validation failed: target not found: bad\n');
});

test('debug packs what it gathered into one archive', async () => {
  const dir = folder();
  const transport = memoryTransport((request) => {
    const body = request.includes('self')
      ? '{"Config":{"Version":"1.21.0"}}'
      : request.includes('members')
        ? '[]'
        : '{}';
    return { status: 200, headers: {}, body };
  });
  const output = join(dir, 'dbg');
  const argv = [
    'debug',
    '-capture=agent',
    '-capture=host',
    '-capture=members',
    '-duration=10s',
    '-interval=5s',
    `-output=${output}`,
  ];
  const { status, stdout } = await runInMemory(argv, { transport });
  expect(status).toBe(0);
  expect(stdout).toContain(`           Capture: 'agent, host, members'\n    Saved debug archive: ${output}.tar.gz\n`);
  expect(readdirSync(dir)).toEqual(['dbg.tar.gz']);
  const tar = gunzipSync(readFileSync(`${output}.tar.gz`)).toString('latin1');
  for (const name of ['dbg', 'dbg/agent.json', 'dbg/host.json', 'dbg/index.json', 'dbg/members.json'])
    expect(tar).toContain(`${name}\0`);
});

test('connect ca get-config prints the configuration with its settings sorted', async () => {
  const body = '{"Provider":"consul","Config":{"b":1,"a":"x"},"State":null,"CreateIndex":5,"ModifyIndex":9}';
  const transport = memoryTransport(() => ({ status: 200, headers: {}, body }));
  expect((await runInMemory(['connect', 'ca', 'get-config'], { transport })).stdout).toBe(
    '{\n\t"Provider": "consul",\n\t"Config": {\n\t\t"a": "x",\n\t\t"b": 1\n\t},\n\t"State": null,\n\t"CreateIndex": 5,\n\t"ModifyIndex": 9\n}\n',
  );
});

test('connect ca set-config sends the file as it is, if it is JSON', async () => {
  const dir = folder();
  const [good, bad] = [join(dir, 'ca.json'), join(dir, 'bad.json')];
  writeFileSync(good, '{"Provider":"consul"}');
  writeFileSync(bad, '#');
  const requests: string[] = [];
  const transport = memoryTransport((request) => {
    requests.push(request);
    return { status: 200, headers: {}, body: '' };
  });
  const run = (...more: string[]) => runInMemory(['connect', 'ca', 'set-config', ...more], { transport });
  expect((await run(`-config-file=${good}`)).stdout).toBe('Configuration updated!\n');
  expect(requests).toHaveLength(1);
  expect((await run()).stderr).toBe('The -config-file flag is required\n');
  expect((await run('-config-file', join(dir, 'none'))).stderr).toBe(
    `Error reading config file: open ${join(dir, 'none')}: no such file or directory\n`,
  );
  expect((await run('-config-file', bad)).stderr).toBe(
    "Error parsing config file: invalid character '#' looking for beginning of value\n",
  );
});

test('login writes the token to its file; login and logout say what is missing or refused', async () => {
  const dir = folder();
  const [bearer, sink] = [join(dir, 'bearer'), join(dir, 'sink')];
  writeFileSync(bearer, 'jwt\n');
  const ok = memoryTransport(() => ({ status: 200, headers: {}, body: '{"SecretID":"s3"}' }));
  const all = ['login', '-method=m', `-token-sink-file=${sink}`, `-bearer-token-file=${bearer}`];
  expect(await runInMemory(all, { transport: ok })).toEqual({ status: 0, stdout: '', stderr: '' });
  expect([readFileSync(sink, 'utf8'), statSync(sink).mode & 0o777]).toEqual(['s3', 0o600]);
  const off = memoryTransport(() => ({ status: 401, headers: {}, body: 'ACL support disabled' }));
  expect((await runInMemory(all, { transport: off })).stderr).toBe(
    'Error logging in: Unexpected response code: 401 (ACL support disabled)\n',
  );
  expect((await runInMemory(['logout'], { transport: off })).stderr).toBe(
    'Error destroying token: Unexpected response code: 401 (ACL support disabled)\n',
  );
  for (const [count, flag] of ['-method', '-token-sink-file', '-bearer-token-file'].entries()) {
    const { status, stderr } = await runInMemory(all.slice(0, count + 1));
    expect([status, stderr]).toEqual([1, `Missing required '${flag}' flag\n`]);
  }
});

test('troubleshoot ports tells which are open', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => server.close());
  const { port } = server.address() as AddressInfo;
  const { stdout, status } = await runInMemory(['troubleshoot', 'ports', '-host=127.0.0.1', `-ports=${port},x`]);
  expect([status, stdout]).toEqual([
    0,
    `TCP: Port ${port} on 127.0.0.1 is open.\nTCP: Port x on 127.0.0.1 is closed, unreachable, or the connection timed out.\n`,
  ]);
  expect((await runInMemory(['troubleshoot', 'ports'])).stderr).toContain('-host is required.');
});

test('kv import puts keys below the prefix as below a folder, and stops at one that cannot be', async () => {
  const asked: string[] = [];
  const transport = memoryTransport((request) => {
    asked.push(request);
    return { status: 200, headers: {}, body: 'true' };
  });
  const load = async (prefix: string, ...keys: string[]) => {
    const entries = keys.map((key) => ({ key, value: 'YQ==' }));
    return runInMemory(['kv', 'import', `-prefix=${prefix}`, JSON.stringify(entries)], { transport });
  };
  expect((await load('a//', 'b//c', 'b/../d', './x/', '', 'y//')).stdout).toBe(
    ['a/b/c', 'a/d', 'a/x/', 'a', 'a/y/'].map((key) => `Imported: ${key}\n`).join(''),
  );
  expect(await load('', 'b//c', '/bad', 'after')).toEqual({
    status: 1,
    stdout: 'Imported: b/c\n',
    stderr: "Error! Failed writing data for key /bad: Invalid key. Key must not begin with a '/': /bad\n",
  });
  await runInMemory(['kv', 'import', '[{"key":"n","flags":7,"namespace":"x","value":"YQ=="}]'], { transport });
  expect(asked.at(-1)).toBe('PUT /v1/kv/n?flags=7&ns=x');
  const negative = await runInMemory(['kv', 'import', '[{"key":"n","flags":-1}]'], { transport });
  expect(negative.stderr).toBe(
    'Cannot unmarshal data: json: cannot unmarshal number -1 into Go struct field Entry.flags of type uint64\n',
  );
});

test('kv delete -recurse without a key deletes all; what -cas lacks is said first', async () => {
  const asked: string[] = [];
  const transport = memoryTransport((request) => {
    asked.push(request);
    return { status: 200, headers: {}, body: 'true' };
  });
  const all = await runInMemory(['kv', 'delete', '-recurse'], { transport });
  expect([all.stdout, asked]).toEqual(['Success! Deleted keys with prefix: \n', ['DELETE /v1/kv/?recurse=']]);
  const both = await runInMemory(['kv', 'delete', '-recurse', '-cas', 'x'], { transport });
  expect(both.stderr).toMatch(/^Cannot delete a key that does not exist/);
});

test('snapshot save names the version of the leader and the datacenter where it is asked to', async () => {
  const dir = folder();
  const bodies: Readonly<Record<string, string>> = {
    'GET /v1/operator/autopilot/health':
      '{"Servers":[{"Version":"1.1.0","Leader":false},{"Version":"1.2.3","Leader":true}]}',
    'GET /v1/agent/self': '{"Config":{"Datacenter":"dcx"}}',
  };
  const transport = memoryTransport((request) => ({
    status: 200,
    headers: {},
    body: bodies[request] ?? readFileSync(SAMPLE, 'latin1'),
  }));
  await runInMemory(['snapshot', 'save', '-append-filename=version,odd,dc', join(dir, 'a.snap')], { transport });
  expect(readdirSync(dir)).toEqual(['a-1.2.3-dcx.snap']);
});

test('a watch for a state that no check can have is told again and again', async () => {
  let told = (): void => {};
  const isTold = new Promise<void>((resolve) => {
    told = resolve;
  });
  const transport = memoryTransport(() => ({ status: 200, headers: {}, body: '"leader"' }));
  const outcome = runInMemory(['watch', '-type=checks', '-state=odd'], {
    transport,
    onError: () => told(),
    until: isTold,
  });
  expect((await outcome).stderr).toMatch(/Watch errored: type=checks error="Unsupported state: odd" retry=5s\n$/);
});

test('exec in another datacenter ties its session to a server there', async () => {
  const asked: [string, string][] = [];
  const bodies: Readonly<Record<string, string>> = {
    'GET /v1/agent/self?dc=dc9': '{"Config":{"Datacenter":"dc1","NodeName":"us"}}',
    'GET /v1/health/service/consul?dc=dc9&passing=': '[{"Node":{"Node":"far"},"Service":{},"Checks":[]}]',
  };
  const transport = memoryTransport((request, sent) => {
    asked.push([request, sent]);
    const body = bodies[request.replace('passing=1', 'passing=')];
    return body === undefined ? { status: 500, headers: {}, body: 'enough' } : { status: 200, headers: {}, body };
  });
  const { status, stderr } = await runInMemory(['exec', '-datacenter=dc9', 'ls'], { transport });
  expect([status, stderr]).toEqual([1, 'Failed to create session: Unexpected response code: 500 (enough)\n']);
  const [request, sent] = asked.at(-1)!;
  expect([request, JSON.parse(sent)]).toEqual([
    'PUT /v1/session/create?dc=dc9',
    { Behavior: 'delete', TTL: '15s', Name: 'Remote Exec via us@dc1', Node: 'far', NodeChecks: [] },
  ]);
});

test('config write refuses what is no entry before it is sent', async () => {
  const write = (entry: string) => runInMemory(['config', 'write', '-'], { stdin: entry });
  const prefix = 'Failed to decode config entry input: ';
  expect((await write('Kind = "service-defaults"\nName = "web"\nbogus = 1')).stderr).toBe(
    `${prefix}1 error occurred:\n\t* invalid config key "bogus"\n\n\n`,
  );
  expect((await write('Kind = 5\nName = "x"')).stderr).toBe(`${prefix}Kind value in payload is not a string\n`);
  expect((await write('Kind = "odd"\nName = "x"')).stderr).toBe(`${prefix}invalid config entry kind: odd\n`);
});

test('config read prints an entry in the order of the reference', async () => {
  const body =
    '{"Kind":"proxy-defaults","Name":"global","Config":{"a":1},"Mode":"x","Protocol":"","Hash":5,"CreateIndex":1,"ModifyIndex":2,"Meta":{}}';
  const transport = memoryTransport(() => ({ status: 200, headers: {}, body }));
  const argv = ['config', 'read', '-kind=proxy-defaults', '-name=global'];
  const { stdout } = await runInMemory(argv, { transport });
  expect(Object.keys(JSON.parse(stdout))).toEqual([
    'Kind',
    'Name',
    'Mode',
    'Config',
    'Meta',
    'CreateIndex',
    'ModifyIndex',
  ]);
});

test('config read leaves out peers that are none, and begins with the times of a resolver', async () => {
  const bodies = {
    'service-defaults':
      '{"Kind":"service-defaults","Name":"web","UpstreamConfig":{"Overrides":[{"Name":"a","Peer":""},{"Name":"b","Peer":"p","X":1}],"Defaults":{"Peer":""}},"CreateIndex":1,"ModifyIndex":2}',
    'service-resolver':
      '{"Kind":"service-resolver","Name":"web","ConnectTimeout":"15s","RequestTimeout":"3s","CreateIndex":1,"ModifyIndex":2}',
  };
  const read = async (kind: keyof typeof bodies) => {
    const transport = memoryTransport(() => ({ status: 200, headers: {}, body: bodies[kind] }));
    const { stdout } = await runInMemory(['config', 'read', `-kind=${kind}`, '-name=web'], { transport });
    return JSON.stringify(JSON.parse(stdout));
  };
  expect(await read('service-defaults')).toContain(
    '{"Overrides":[{"Name":"a"},{"Name":"b","Peer":"p","X":1}],"Defaults":{}}',
  );
  expect(await read('service-resolver')).toMatch(/^\{"ConnectTimeout":"15s","RequestTimeout":"3s","Kind"/);
});

test('an intention of an entry is shown as created at the first moment of the calendar', async () => {
  const body = '{"SourceName":"a","DestinationName":"b","Action":"allow"}';
  const transport = memoryTransport(() => ({ status: 200, headers: {}, body }));
  const { stdout } = await runInMemory(['intention', 'get', 'a', 'b'], { transport });
  expect(stdout).toMatch(/^Created At: +Monday, 01-Jan-01 00:00:00 UTC$/m);
});
