// Bundles the program, with source maps, beside a launcher that starts it with compiled code at hand.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { bundles, options } from './bundles.mjs';
import { bundle, checkNode, install, isStale, root } from './lib.mjs';

checkNode();
await install();
if (process.argv.includes('--if-stale') && !isStale()) process.exit(0);
const { build } = await import('esbuild');
const dist = dirname(bundle);
for (const name of Object.keys(bundles)) {
  const result = await build(options(name, dist));
  if (result.errors.length > 0) process.exit(1);
  const bytes = readFileSync(join(dist, `${name}.cjs`));
  const odd = bytes.findIndex((byte) => byte > 127);
  if (odd !== -1) {
    console.error(`${name}.cjs is not ASCII near ${JSON.stringify(bytes.subarray(odd - 40, odd + 10).toString())}`);
    process.exit(1);
  }
  rmSync(join(dist, `${name}.cache`), { force: true });
}
copyFileSync(join(root, 'scripts/launcher/proconsul.cjs'), bundle);
chmodSync(bundle, 0o755);

/** A port that nobody listens on. */
async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** Runs an agent for a moment that listens only where it must, so that the code it needs is compiled and kept. */
async function warmUp() {
  const ports = ['http', 'https', 'dns', 'grpc', 'grpc-tls'].map((name) => `-${name}-port=-1`);
  for (const name of ['server', 'serf-lan', 'serf-wan']) ports.push(`-${name}-port=${await freePort()}`);
  const child = spawn(process.execPath, [bundle, 'agent', '-dev', '-node=warm-up', ...ports], {
    env: { ...process.env, PROCONSUL_WRITE_CODE_CACHE: '1' },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const stop = setTimeout(() => child.kill('SIGTERM'), 10_000);
  child.stdout.on('data', (chunk) => {
    if (String(chunk).includes('Synced node info')) child.kill('SIGTERM');
  });
  await new Promise((resolve) => child.on('close', resolve));
  clearTimeout(stop);
}

await warmUp();

/** The same for the small commands: one that asks an agent which is not there. */
async function warmUpCommands() {
  const child = spawn(process.execPath, [bundle, 'kv', 'get', '-http-addr=127.0.0.1:1', 'warm-up'], {
    env: { ...process.env, PROCONSUL_WRITE_CODE_CACHE: '1' },
    stdio: 'ignore',
  });
  await new Promise((resolve) => child.on('close', resolve));
}

await warmUpCommands();
