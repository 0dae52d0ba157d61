import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bundles, options } from '../scripts/bundles.mjs';

// The launcher with small programs in place of the real bundles.

let dist: string;

const start = (args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(dist, 'proconsul.cjs'), ...args], {
    env: { ...process.env, ...env },
    encoding: 'utf8',
  });
  return { status, stdout: stdout.trim(), stderr };
};

beforeAll(async () => {
  dist = mkdtempSync(join(tmpdir(), 'launcher-'));
  copyFileSync(join(import.meta.dirname, '../scripts/launcher/proconsul.cjs'), join(dist, 'proconsul.cjs'));
  for (const name of Object.keys(bundles)) {
    const source = join(dist, `${name}-main.ts`);
    writeFileSync(
      source,
      [
        'function fail(): never {',
        "  throw new Error('nobody foresaw this');",
        '}',
        "if (process.argv.includes('fail')) void Promise.resolve().then(fail);",
        `else console.log('${name}');`,
      ].join('\n'),
    );
    await build({ ...options(name, dist), entryPoints: [source], plugins: [] });
  }
});
afterAll(() => rmSync(dist, { recursive: true, force: true }));

test.for<[string, readonly string[], Readonly<Record<string, string>>]>([
  ['bundle', ['agent', '-dev'], {}],
  ['bundle', ['-help', 'agent'], {}],
  ['bundle', ['operator', 'raft', 'recover', '-data-dir=x'], {}],
  ['bundle', [], { COMP_LINE: 'proconsul agent -bo' }],
  ['commands', [], { COMP_LINE: 'proconsul kv ' }],
  ['commands', ['kv', 'put', 'agent', 'recover'], {}],
  ['commands', ['operator', 'raft', 'list-peers'], {}],
  ['commands', [], {}],
])('%s is taken for %j %j', ([name, args, env]) => {
  expect(start(args, env)).toEqual({ status: 0, stdout: name, stderr: '' });
});

test('what nobody has foreseen ends the program and names the place in the source', () => {
  const { status, stderr } = start(['fail']);
  expect(status).toBe(1);
  expect(stderr).toMatch(/^Error: nobody foresaw this\n +at .*commands-main\.ts:2:9\b/);
  expect(stderr).not.toContain('commands.cjs');
});

test('without its source map the stack is told as it is', () => {
  rmSync(join(dist, 'commands.cjs.map'));
  const { status, stderr } = start(['fail']);
  expect(status).toBe(1);
  expect(stderr).toMatch(/^Error: nobody foresaw this\n +at .*commands\.cjs:\d+:\d+/);
});
