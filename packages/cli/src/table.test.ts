import { expect, test } from 'vitest';
import { allFlags, commandHelp } from './help.ts';
import { table } from './table.ts';
import { runInMemory } from './testing/memory-io.ts';

const commands = table.filter((row) => row.kind === 'command' && row.name !== 'agent');

test('names are unique and sorted, and every parent is a group', () => {
  const names = table.map((row) => row.name);
  expect(names).toEqual([...new Set(names)].sort());
  for (const name of names.filter((n) => n.includes(' '))) {
    const parent = table.find((row) => row.name === name.slice(0, name.lastIndexOf(' ')));
    expect(parent?.kind, name).toBe('group');
  }
});

test.for(commands.map((row) => row.name))('%s loads under its name and explains itself', async (name) => {
  const row = table.find((r) => r.name === name);
  if (row?.kind !== 'command') throw new Error('not a command');
  const loaded = await row.load();
  if (!('flags' in loaded)) throw new Error('parses its own arguments');
  expect(loaded.name).toBe(name);
  const help = commandHelp(loaded);
  expect(help.startsWith(`Usage: consul ${name}`)).toBe(true);
  for (const line of help.split('\n')) expect(line.length, line).toBeLessThanOrEqual(122);
  for (const [flag, spec] of Object.entries(allFlags(loaded))) {
    expect(help).toContain(`  -${flag}`);
    expect(spec.doc.endsWith('.') || spec.doc.endsWith('}'), `${name} -${flag}`).toBe(true);
  }
  const shown = await runInMemory([...name.split(' '), '-h']);
  expect(shown).toEqual({ status: 0, stdout: `${help}\n`, stderr: '' });
});

test('no arguments and unknown words give the list on standard error and 127', async () => {
  for (const argv of [[], ['foo'], ['help', 'kv'], ['-bogus']]) {
    const { status, stdout, stderr } = await runInMemory(argv);
    expect(status).toBe(127);
    expect(stdout).toBe('');
    expect(
      stderr.startsWith('Usage: consul [--version] [--help] <command> [<args>]\n\nAvailable commands are:\n    agent '),
    ).toBe(true);
    expect(stderr.endsWith('\n\n')).toBe(true);
  }
});

test('-help with a value gives the flags alone, and what the command says of bad flags', async () => {
  const { status, stdout, stderr } = await runInMemory(['kv', 'get', '-help=true', 'x']);
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr).toMatch(/^Usage:\n {2}-base64\n/);
  expect(stderr).not.toContain('help requested');
  const validate = await runInMemory(['validate', '-h=1']);
  expect(validate).toMatchObject({ status: 1, stderr: expect.stringMatching(/\nflag: help requested\n$/) });
  expect(await runInMemory(['operator', 'raft', 'list-peers', '-h=1'])).toMatchObject({ status: 0, stdout: '' });
});

test('flags before the command are refused with its help; before help, or without a command, they are not seen', async () => {
  for (const argv of [
    ['-x', 'kv', 'get', 'a'],
    ['-x=1', '--y', 'kv', 'bogus'],
  ]) {
    const { status, stderr } = await runInMemory(argv);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^Invalid flags before the subcommand\..*\n.*\n\nUsage: consul kv/);
  }
  expect((await runInMemory(['-x', 'kv', 'get', '-h'])).stdout).toMatch(/^Usage: consul kv get/);
  for (const argv of [
    ['-x', 'nothing'],
    ['--', 'kv', 'get'],
  ])
    expect((await runInMemory(argv)).status).toBe(127);
});

test('our version is the last line below what parsers know, and a further key of the JSON', async () => {
  const pretty = (await runInMemory(['version'])).stdout.split('\n');
  expect(pretty[0]).toBe('Consul v1.21.0');
  expect(pretty.slice(-3)).toEqual([expect.stringMatching(/^Proconsul v\d+\.\d+\.\d+$/), '', '']);
  const json = JSON.parse((await runInMemory(['version', '-format=json'])).stdout);
  expect(json).toMatchObject({ Version: '1.21.0', Prerelease: '', RPC: { Default: 2, Min: 2, Max: 3 } });
  expect(Object.keys(json).at(-1)).toBe('Proconsul');
});
