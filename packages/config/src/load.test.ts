import { describe, expect, test } from 'vitest';
import { ConfigError, describeDetail } from './errors.ts';
import { explainText } from './explain.ts';
import { load, loadText } from './testing/world.ts';

const BASE = ['-data-dir', 'd', '-bind', '127.0.0.1'];
const OK = 'data_dir = "vd" bind_addr = "127.0.0.1"';

function errorOf(action: () => unknown): ConfigError {
  try {
    action();
  } catch (thrown) {
    if (thrown instanceof ConfigError) return thrown;
    throw thrown;
  }
  throw new Error('nothing was thrown');
}

describe('files', () => {
  test('a directory is read in the order of names, other files are skipped with a warning', () => {
    const files = { 'v/b.json': '{"node_name":"b"}', 'v/a.hcl': OK, 'v/readme.txt': 'x', 'v/sub/c.hcl': 'bogus = 1' };
    const { runtime, warnings } = load(['-config-dir', 'v'], files);
    expect(runtime.nodeName).toBe('b');
    expect(warnings).toEqual([
      'skipping file v/readme.txt, extension must be .hcl or .json, or config format must be set',
    ]);
  });

  test('a file that is not there or has no format is refused', () => {
    expect(errorOf(() => load(['-config-file', 'none.hcl'])).message).toBe(
      'config: Open failed on none.hcl. open none.hcl: no such file or directory',
    );
    expect(errorOf(() => load(['-config-file', 'fd'], { fd: OK })).message).toBe(
      'file fd has unknown extension; must be .hcl or .json, or config format must be set',
    );
    expect(errorOf(() => load(['-config-format=yaml'])).message).toBe(
      "config: -config-format must be either 'hcl' or 'json'",
    );
  });

  test('-config-format reads every file, whatever its name', () => {
    expect(load(['-config-file', 'fd', '-config-format=hcl'], { fd: OK }).runtime.dataDir).toBe('vd');
  });

  test('an empty file sets nothing', () => {
    expect(
      load([...BASE, '-config-file', 'e.json', '-config-file', 'e.hcl'], { 'e.json': '', 'e.hcl': '' }).warnings,
    ).toEqual([]);
  });

  test('a fragment of -hcl is named by its number in errors', () => {
    expect(errorOf(() => load(['-hcl', OK, '-hcl', 'bogus = 1'])).message).toBe(
      'failed to parse flags-1.hcl: 1 error occurred:\n\t* invalid config key bogus\n\n',
    );
  });

  test('words after the flags are refused', () => {
    expect(errorOf(() => load(['-dev', 'extra', '-x'])).message).toBe('Unexpected extra arguments: [extra -x]');
  });
});

describe('positions and suggestions, beyond what the reference tells', () => {
  test('an unknown key has its place and the nearest key', () => {
    const error = errorOf(() => loadText(`${OK}\nservice {\n  name = "a"\n  tagz = ["x"]\n}`));
    expect(error.details.map(describeDetail)).toEqual(['  at t.hcl:4:3, did you mean "service.tags"?']);
  });

  test('a wrong type has its place in HCL and in JSON', () => {
    expect(errorOf(() => loadText('ports {\n  http = "x"\n}')).details[0]?.place).toEqual({
      file: 't.hcl',
      line: 2,
      column: 10,
    });
    const json = { 'a.json': '{\n "é": 1,\n "server": "yes" }' };
    expect(errorOf(() => load(['-config-file', 'a.json'], json)).details[0]?.place).toEqual({
      file: 'a.json',
      line: 3,
      column: 12,
    });
  });

  test('a syntax error has its place in HCL and in JSON', () => {
    expect(errorOf(() => loadText('a = 1\nb = ;')).details[0]?.place).toEqual({ file: 't.hcl', line: 2, column: 5 });
    const json = { 'a.json': '{\n "a": }' };
    const error = errorOf(() => load(['-config-file', 'a.json'], json));
    expect(error.message).toBe("failed to parse a.json: invalid character '}' looking for beginning of value");
    expect(error.details[0]?.place).toEqual({ file: 'a.json', line: 2, column: 7 });
  });

  test('a value that is refused later has the place where it was set last', () => {
    const error = errorOf(() =>
      load([...BASE, '-config-file', 'a.hcl', '-config-file', 'b.hcl'], {
        'a.hcl': 'raft_protocol = 3',
        'b.hcl': '\nraft_protocol = 2',
      }),
    );
    expect(error.details).toEqual([
      {
        text: 'raft_protocol version 2 is not supported by this version of Consul',
        place: { file: 'b.hcl', line: 2, column: 17 },
      },
    ]);
  });
});

test('explain names the source of every value, and of every element', () => {
  const files = { 'a.hcl': `${OK}\nretry_join = ["x"]\nports { http = 80 }\nacl { tokens { agent = "s3" } }` };
  const { sources } = load(['-config-file', 'a.hcl', '-retry-join', 'y', '-dns-port', '53'], files);
  expect(explainText(sources)).toBe(
    [
      'acl.tokens.agent = "hidden"  # a.hcl:4:24',
      'bind_addr = "127.0.0.1"  # a.hcl:1:29',
      'data_dir = "vd"  # a.hcl:1:12',
      'ports.dns = 53  # -dns-port',
      'ports.http = 80  # a.hcl:3:16',
      'retry_join[0] = "y"  # -retry-join',
      'retry_join[1] = "x"  # a.hcl:2:15',
    ]
      .map((line) => `${line}\n`)
      .join(''),
  );
  expect(explainText(sources, true)).toContain('datacenter = "dc1"  # default\n');
});

describe('flags', () => {
  test('-join is another name of -retry-join', () => {
    const { runtime, warnings } = load([...BASE, '-join', 'a', '-retry-join', 'b', '-join-wan', 'c']);
    expect(runtime.retryJoinLan.addresses).toEqual(['b', 'a']);
    expect(runtime.retryJoinWan.addresses).toEqual(['c']);
    expect(warnings).toEqual([
      "The flag '-join' is deprecated. Use the '-retry-join' flag instead.",
      "The flag '-join-wan' is deprecated. Use the '-retry-join-wan' flag instead.",
    ]);
  });

  test.for([
    [['-dns-port', 'abc'], 'invalid value "abc" for flag -dns-port: strconv.Atoi: parsing "abc": invalid syntax'],
    [['-server=x'], 'invalid boolean value "x" for -server: strconv.ParseBool: parsing "x": invalid syntax'],
    [['-bind'], 'flag needs an argument: -bind'],
    [['-=x'], 'bad flag syntax: -=x'],
    [['---x'], 'bad flag syntax: ---x'],
    [['-bogus'], 'flag provided but not defined: -bogus'],
    [
      ['-protocol', '99999999999999999999'],
      'invalid value "99999999999999999999" for flag -protocol: strconv.Atoi: parsing "99999999999999999999": value out of range',
    ],
    [['-'], 'Unexpected extra arguments: [-]'],
    [['--'], 'data_dir cannot be empty'],
    [['-node-meta', 'z'], 'data_dir cannot be empty'],
  ] as const)('%j gives the text of the reference', ([args, message]) => {
    expect(errorOf(() => load([...args])).message).toBe(message);
  });

  test('one dash or two, a value apart or after the equals sign', () => {
    const { runtime } = load(['--dev', '--node=x', '-domain', 'y', '-rejoin=T', '-syslog=0']);
    expect(runtime).toMatchObject({ nodeName: 'x', devMode: true, rejoinAfterLeave: true, dns: { domain: 'y.' } });
    expect(runtime.logging.enableSyslog).toBe(false);
  });
});

describe('definitions', () => {
  test('a service has the shape of the API, durations in nanoseconds', () => {
    const { runtime } = loadText(`${OK} service {
      name = "web" port = 80 tags = ["a"] meta { x = "y" }
      check { id = "c" http = "http://x" interval = "10s" failures_before_critical = 3 }
      checks = [{ args = ["x"] interval = "1m" }, { h2ping = "y" interval = "1s" }]
      connect { sidecar_service {} }
    }`);
    expect(runtime.services).toMatchObject([
      {
        Name: 'web',
        ID: '',
        Port: 80,
        Weights: { Passing: 1, Warning: 1 },
        Meta: { x: 'y' },
        Checks: [
          { ScriptArgs: ['x'], Interval: 60e9 },
          { H2PING: 'y', H2PingUseTLS: true, OutputMaxSize: 4096 },
          { CheckID: 'c', Interval: 10e9, FailuresBeforeWarning: 3, FailuresBeforeCritical: 3 },
        ],
        Connect: { Native: false, SidecarService: { Name: '', Checks: [] } },
      },
    ]);
  });

  test('a check takes old names without underscores', () => {
    const { runtime } = loadText(
      `${OK} check { name = "x" serviceid = "s" scriptargs = ["a"] interval = "1s" tlsskipverify = true }`,
    );
    expect(runtime.checks).toMatchObject([{ Name: 'x', ServiceID: 's', ScriptArgs: ['a'], TLSSkipVerify: true }]);
  });

  test('config entries are those that the API would take', () => {
    const load = (entry: string) => () => loadText(`${OK} config_entries { bootstrap = [{ ${entry} }] }`);
    expect(load('kind = "service-defaults" name = "x" bogus = 1')).toThrow(
      'config_entries.bootstrap[0]: 1 error occurred:\n\t* invalid config key "bogus"\n',
    );
    expect(load('kind = "odd" name = "x"')).toThrow('config_entries.bootstrap[0]: invalid config entry kind: odd');
    expect(load('kind = "service-resolver"')).toThrow('config_entries.bootstrap[0]: Name is required');
  });

  test('config entries get the names of the API', () => {
    const { runtime } =
      loadText(`${OK} config_entries { bootstrap = [{ kind = "service-resolver" name = "x" connect_timeout = "5s"
      subsets { v1 { filter = "a" only_passing = true } } meta { a_b = "c" } }] }`);
    expect(runtime.configEntryBootstrap).toEqual([
      {
        Kind: 'service-resolver',
        Name: 'x',
        ConnectTimeout: '5s',
        Subsets: { v1: { Filter: 'a', OnlyPassing: true } },
        Meta: { a_b: 'c' },
      },
    ]);
  });
});
