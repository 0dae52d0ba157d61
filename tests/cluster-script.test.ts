import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { freePort } from './e2e/ports.ts';

const script = join(dirname(dirname(fileURLToPath(import.meta.url))), 'scripts/cluster.mjs');

test('npm run cluster: a port that is in use is named before anything is started', async () => {
  const port = await freePort();
  const other = createServer().listen(port, '127.0.0.1');
  await once(other, 'listening');
  try {
    const { status, stderr } = spawnSync(process.execPath, [script, '--port', String(port)], { encoding: 'utf8' });
    expect(status).toBe(1);
    expect(stderr).toContain(`port ${port} of server-1 is in use`);
  } finally {
    other.close();
  }
});
