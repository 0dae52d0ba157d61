import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const script = join(root, 'docker/entrypoint.sh');

let home = '';

function program(name: string, text: string): void {
  writeFileSync(join(home, 'bin', name), `#!/bin/sh\n${text}\n`);
  chmodSync(join(home, 'bin', name), 0o755);
}

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'entrypoint-'));
  for (const directory of ['bin', 'config', 'data']) mkdirSync(join(home, directory));
  program(
    'ip',
    [
      'case "$2 $5" in',
      "'-4 eth0') echo '2: eth0    inet 172.18.0.5/16 brd 172.18.255.255 scope global eth0';;",
      "'-6 eth1') echo '3: eth1    inet6 fd00::7/64 scope global';;",
      'esac',
    ].join('\n'),
  );
  // Who is root, and what only root may do.
  program('id', 'if [ "$*" = -u ]; then echo $((UID_SEEN)); else exit 1; fi');
  program('stat', 'echo 0');
  program('chown', '[ -z "$READ_ONLY" ] && echo "chown $*"');
  program('setcap', '[ -z "$READ_ONLY" ] && echo "setcap $1"');
  program('su-exec', 'echo "su-exec $*"');
  program('consul', 'case "$1" in kv|members) echo "Usage: consul $1 [options]";; *) echo "no"; exit 127;; esac');
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

/** What the entry script would run, one word an item, and what it says before. */
function entry(words: readonly string[], env: Record<string, string> = {}) {
  const done = spawnSync('sh', [script, ...words], {
    encoding: 'utf8',
    env: {
      ...{ PATH: `${join(home, 'bin')}:${process.env['PATH']}`, ENTRYPOINT_DRY_RUN: '1' },
      ...{ CONSUL_DATA_DIR: join(home, 'data'), CONSUL_CONFIG_DIR: join(home, 'config') },
      ...env,
    },
  });
  const lines = done.stdout.split('\n').filter(Boolean);
  return {
    status: done.status,
    error: done.stderr,
    said: lines.filter((line) => line.startsWith('==>')),
    command: lines.filter((line) => !line.startsWith('==>')),
  };
}

const dirs = () => [`-data-dir=${join(home, 'data')}`, `-config-dir=${join(home, 'config')}`];

describe('the entry script of the container', () => {
  test('runs an agent with the directories of the image', () => {
    expect(entry(['agent', '-dev', '-client', '0.0.0.0']).command).toEqual([
      ...['consul', 'agent', ...dirs(), '-dev', '-client', '0.0.0.0'],
    ]);
  });

  test('takes options alone for those of an agent, and keeps words with blanks whole', () => {
    const words = ['-retry-join=provider=aws tag_key=a tag_value=b', '-server'];
    expect(entry(words).command).toEqual(['consul', 'agent', ...dirs(), ...words]);
  });

  test('binds to the address of an interface', () => {
    const { command, said } = entry(['agent'], { CONSUL_BIND_INTERFACE: 'eth0', CONSUL_CLIENT_INTERFACE: 'eth1' });
    expect(command).toEqual(['consul', 'agent', ...dirs(), '-bind=172.18.0.5', '-client=fd00::7']);
    expect(said).toEqual([
      "==> Found address '172.18.0.5' for interface 'eth0', setting bind option...",
      "==> Found address 'fd00::7' for interface 'eth1', setting client option...",
    ]);
  });

  test('ends where an interface has no address', () => {
    const { status, error, command } = entry(['agent'], { CONSUL_BIND_INTERFACE: 'eth9' });
    expect([status, error, command]).toEqual([1, "Could not find IP for interface 'eth9', exiting\n", []]);
  });

  test.for([
    ['{"datacenter": "east"}', 'local.json'],
    ['datacenter = "east"', 'local.hcl'],
  ] as const)('writes the local configuration %s to %s', ([text, file]) => {
    const path = join(home, 'config', file);
    rmSync(path, { force: true });
    entry(['agent'], { CONSUL_LOCAL_CONFIG: text });
    expect(readFileSync(path, 'utf8')).toBe(`${text}\n`);
  });

  test('forgets the local configuration of an earlier container', () => {
    entry(['agent'], { CONSUL_LOCAL_CONFIG: '{}' });
    entry(['agent'], { CONSUL_LOCAL_CONFIG: 'server = true' });
    expect(readdirSync(join(home, 'config'))).toEqual(['local.hcl']);
  });

  test('ends where the local configuration cannot be written', () => {
    const { status, error } = entry(['agent'], { CONSUL_LOCAL_CONFIG: '{}', CONSUL_CONFIG_DIR: join(home, 'nowhere') });
    expect([status, error]).toEqual([1, expect.stringContaining('Could not write CONSUL_LOCAL_CONFIG')]);
  });

  test('takes its own name, and questions about itself, for commands of the program', () => {
    expect(entry(['consul', 'agent', '-dev']).command).toEqual(['consul', 'agent', '-dev']);
    expect(entry(['--version']).command).toEqual(['consul', '--version']);
    expect(entry(['-h']).command).toEqual(['consul', '-h']);
  });

  test('runs other commands of the program as such, and anything else as it is', () => {
    expect(entry(['members', '-detailed']).command).toEqual(['consul', 'members', '-detailed']);
    expect(entry(['version']).command).toEqual(['consul', 'version']);
    expect(entry(['sh', '-c', 'echo a b']).command).toEqual(['sh', '-c', 'echo a b']);
  });

  test('runs the command for real when it is not only to show it', () => {
    const { command } = entry(['sh', '-c', 'echo "ran $0"', 'x'], { ENTRYPOINT_DRY_RUN: '' });
    expect(command).toEqual(['ran x']);
  });
});

describe('the entry script, run by root', () => {
  const real = (words: readonly string[], env: Record<string, string> = {}) =>
    entry(words, { ENTRYPOINT_DRY_RUN: '', ...env });

  test('hands the directories over and steps down, for every command of the program', () => {
    const given = ['data', 'config'].map((name) => `chown consul:consul ${join(home, name)}`);
    expect(real(['members']).command).toEqual([...given, 'su-exec consul:consul consul members']);
    const env = { CONSUL_UID: '7', CONSUL_GID: '8' };
    expect(real(['consul', 'agent', '-dev'], env).command.at(-1)).toBe('su-exec 7:8 consul agent -dev');
    expect(real(['echo', 'root']).command).toEqual(['root']);
  });

  test('does neither when it is told not to, even with nothing, or when somebody else runs it', () => {
    expect(real(['members'], { CONSUL_DISABLE_PERM_MGMT: '' }).command).toEqual(['Usage: consul members [options]']);
    expect(real(['members'], { UID_SEEN: '100' }).command).toEqual(['Usage: consul members [options]']);
  });

  test('lets the program listen on any port when it is told to, even with nothing', () => {
    expect(real(['members'], { CONSUL_ALLOW_PRIVILEGED_PORTS: '' }).command.at(-2)).toBe(
      'setcap cap_net_bind_service=+ep',
    );
  });

  test('goes on where directories and files cannot be changed', () => {
    const { command, error } = real(['members'], { READ_ONLY: '1', CONSUL_ALLOW_PRIVILEGED_PORTS: '1' });
    expect(command).toEqual(['su-exec consul:consul consul members']);
    expect(error.split('\n')).toEqual([
      ...['data', 'config'].map((name) => `==> '${join(home, name)}' keeps its owner`),
      ...['==> The program may not be given the right to listen below 1024', ''],
    ]);
  });
});

test('what the image copies is there', () => {
  const text = readFileSync(join(root, 'docker/Dockerfile'), 'utf8');
  const copied = [...text.matchAll(/^COPY (?!--from=build \/usr|\. )(?:--from=build )?(.+) \S+$/gm)]
    .flatMap(([, files]) => (files as string).split(' '))
    .map((file) => file.replace('/src/', ''))
    .filter((file) => !file.includes('*'));
  expect(copied).toEqual(['docker/entrypoint.sh', 'LICENSE', 'THIRD_PARTY_NOTICES.md']);
  expect(copied.filter((file) => !existsSync(join(root, file)))).toEqual([]);
});
