import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Background } from './e2e/background.ts';
import { freePort } from './e2e/ports.ts';

// The packages of the libraries as `npm run pack` makes them, in an empty folder, used as their READMEs say.

const root = dirname(dirname(fileURLToPath(import.meta.url)));
let home: string;

/** What npm does with an archive, without asking a registry. */
function install(archive: string): void {
  const name = /^proconsul-(.+)-\d+\.\d+\.\d+\.tgz$/.exec(archive)![1]!;
  const folder = join(home, 'node_modules/@proconsul', name);
  mkdirSync(folder, { recursive: true });
  execFileSync('tar', ['-xzf', join(home, 'packed', archive), '-C', folder, '--strip-components=1']);
}

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'libraries-'));
  const into = join(home, 'packed');
  execFileSync(process.execPath, [join(root, 'scripts/pack-libraries.mjs'), '--into', into], { stdio: 'ignore' });
  for (const archive of readdirSync(into)) install(archive);
  symlinkSync(join(root, 'node_modules/re2js'), join(home, 'node_modules/re2js'));
}, 120_000);
afterAll(() => rmSync(home, { recursive: true, force: true }));

/** The program in the README of a package. */
function example(name: string, change = (source: string) => source): string {
  const readme = readFileSync(join(root, 'packages', name, 'README.md'), 'utf8');
  const file = join(home, `${name}.mjs`);
  writeFileSync(file, change(/```js\n(.*?)```/s.exec(readme)![1]!));
  return file;
}

/** Two members of a pool, of which the second joins the first and leaves again. */
async function pool(name: string, joined: RegExp): Promise<{ first: string; second: string }> {
  const file = example(name);
  const [a, b] = [await freePort(), await freePort()];
  const first = new Background([process.execPath, file, 'ann', String(a)], { cwd: home });
  const started = { gossip: /\[ 'ann' \]/, serf: /join ann/ }[name]!;
  try {
    await first.until(started);
    const second = new Background([process.execPath, file, 'bob', String(b), String(a)], { cwd: home });
    await second.until(joined);
    second.signal('SIGINT');
    expect(await second.exit()).toBe(0);
    await first.until(/bob left|leave bob/);
    return { first: first.output, second: second.output };
  } finally {
    await first.stop();
  }
}

test('gossip: two processes find each other, and one hears the other leave', async () => {
  const { first, second } = await pool('gossip', /\[.*'ann'.*\]/);
  expect(first).toMatch(/bob at 127\.0\.0\.1:\d+ is here/);
  expect(second).toContain('{ joined: 1, errors: [] }');
});

test('serf: events and queries among two processes, and a file from which the first finds its pool again', async () => {
  const { first, second } = await pool('serf', /(?=.*answer ann)(?=.*answer bob)/s);
  expect(first).toContain('event deploy v2');
  expect(second).toContain('answer ann uptime is well with ann');
  expect(readFileSync(join(home, 'ann.snapshot'), 'utf8')).toMatch(/^alive: ann .*\n/);
});

test('raft: three servers count on, over TCP, after their leader is gone', async () => {
  const ports = JSON.stringify([await freePort(), await freePort(), await freePort()]);
  const file = example('raft', (source) => source.replace('7001 + i', `${ports}[i]`));
  const output = execFileSync(process.execPath, [file], { cwd: home, encoding: 'utf8', timeout: 20_000 });
  expect(output).toBe('40\n42\n42\n');
});
