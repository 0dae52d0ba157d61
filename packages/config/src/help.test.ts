import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { FlagError, HELP_WANTED } from './flags.ts';
import { agentHelp, wrapEvenly } from './help.ts';

const recorded = (name: string) => readFileSync(new URL(`testdata/${name}`, import.meta.url), 'utf8');

test('the help text is that of the reference agent', () => {
  expect(agentHelp()).toBe(recorded('agent-help.txt'));
});

test('the usage text after a bad flag is that of the reference agent', () => {
  expect(new FlagError('flag provided but not defined: -bogus').output).toBe(recorded('agent-usage.txt'));
});

test('-help with a value gives the flags alone', () => {
  const flags = recorded('agent-usage.txt').split('\n').slice(1, -2).join('\n');
  expect(new FlagError(HELP_WANTED).output).toBe(`${flags}\n`);
});

test('lines are broken so that their ends differ little', () => {
  expect(wrapEvenly(['aaa', 'bb', 'cc', 'ddddd'], 6)).toEqual(['aaa', 'bb cc', 'ddddd']);
  expect(wrapEvenly(['toolong', 'x'], 3)).toEqual(['toolong', 'x']);
});
