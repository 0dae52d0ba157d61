import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

test('the notices name every package of others that is in the program, with its licence', () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['scripts/notices.mjs', '--check'], {
    cwd: root,
    encoding: 'utf8',
  });
  expect([status, stderr]).toEqual([0, '']);
  const named = readFileSync(join(root, 'THIRD_PARTY_NOTICES.md'), 'utf8').match(/^## /gm) ?? [];
  expect(stdout).toBe(`${named.length} packages, all named\n`);
});
