// Runs every part of CI and adds up what the parts counted. A part that cannot run here is counted as skipped, with its
// reason. Exits with 1 when anything failed.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundle, root } from './lib.mjs';

/** Part of the default executions of each target: what two quiet cores do in about a minute. */
const FUZZ_SCALE = '0.15';

const totals = { passed: 0, failed: 0, skipped: 0 };

/** Simulations begin no further seed after that, on a slow machine. */
const SIMULATION_MINUTES = '4';

/** Simulations beyond those of `npm test`, two side by side: Raft cores (20 million events), then servers on bad disks. */
const SIMULATIONS = [
  [
    ['--seeds', '4500'],
    ['--seeds', '4500', '--from', '4501'],
  ],
  [
    ['--disks', '1', '--seeds', '2000'],
    ['--disks', '3', '--seeds', '300'],
  ],
];

/** Runs a command, shows its output, and resolves with both. */
function show(title, command, args, options = {}) {
  console.log(`\n== ${title}`);
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], ...options });
    let text = '';
    const take = (chunk) => {
      text += chunk;
      process.stdout.write(chunk);
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.on('error', (error) => resolve({ code: 1, text: String(error) }));
    child.on('close', (code) => resolve({ code: code ?? 1, text }));
  });
}

const plain = (text) => text.replace(/\u001b\[[0-9;]*m/g, '');

/** `Tests  12 failed | 340 passed | 3 skipped (355)` of the test runner. */
function addVitest({ code, text }) {
  const line =
    plain(text)
      .split('\n')
      .reverse()
      .find((l) => /^\s*Tests\s/.test(l)) ?? '';
  const number = (word) => Number(new RegExp(`(\\d+) ${word}`).exec(line)?.[1] ?? 0);
  totals.passed += number('passed');
  totals.failed += number('failed');
  totals.skipped += number('skipped');
  if (code !== 0 && number('failed') === 0) totals.failed++;
}

/** `12 passed, 3 failed` at the end of a Python program's output. */
function addCounted({ code, text }, what) {
  const m = [...text.matchAll(/^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?/gm)].at(-1);
  if (m === null || m === undefined) {
    console.log(`${what}: no count in its output`);
    totals.failed++;
    return;
  }
  totals.passed += Number(m[1]);
  totals.failed += Number(m[2]);
  totals.skipped += Number(m[3] ?? 0);
  if (code !== 0 && Number(m[2]) === 0) totals.failed++;
}

function skip(what, reason) {
  console.log(`\n== ${what}\nskipped: ${reason}`);
  totals.skipped++;
}

const has = (program, ...args) =>
  spawnSync(program, args.length ? args : ['--version'], { stdio: 'ignore' }).status === 0;
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';

addVitest(await show('npm test', npm, ['test', '--silent']));

// Counts as one test.
const lint = await show('lint', process.execPath, ['node_modules/@biomejs/biome/bin/biome', 'check', '.']);
totals[lint.code === 0 ? 'passed' : 'failed']++;

// Each kind counts as one test.
for (const pair of SIMULATIONS) {
  const simulate = (options) =>
    show(`simulation ${options.join(' ')}`, process.execPath, [
      'scripts/sim.mjs',
      ...options,
      '--minutes',
      SIMULATION_MINUTES,
    ]);
  for (const { code } of await Promise.all(pair.map(simulate))) totals[code === 0 ? 'passed' : 'failed']++;
}

// Each target counts as one test. A release runs them all with their default counts: `npm run fuzz`.
addCounted(await show('fuzz', process.execPath, ['scripts/fuzz.mjs', '--scale', FUZZ_SCALE]), 'fuzz');

// The newest Node comes as a package of its own.
if (process.env.NEWEST_NODE === 'no') skip('newest Node', 'NEWEST_NODE=no');
else {
  const home = mkdtempSync(join(tmpdir(), 'newest-node-'));
  const installed = spawnSync(npm, ['install', '--silent', '--no-save', '--prefix', home, 'node@latest'], {
    stdio: 'ignore',
  });
  const node = join(home, 'node_modules/node/bin/node');
  if (installed.status !== 0 || !existsSync(node) || spawnSync(node, ['--version'], { stdio: 'ignore' }).status !== 0) {
    skip('newest Node', 'the npm package `node` could not be installed');
  } else {
    const version = String(spawnSync(node, ['--version']).stdout).trim();
    addVitest(
      await show(`unit tests on Node ${version}`, node, [
        'node_modules/vitest/vitest.mjs',
        'run',
        '--root',
        root,
        'packages',
      ]),
    );
  }
}

const shared = join(root, '..', 'shared');
const replay = join(shared, 'spec/replay.py');
if (!existsSync(replay)) skip('recorded answers', 'the recorded exchanges are not beside this checkout');
else if (!has('python3')) skip('recorded answers', 'python3 is missing');
else {
  const ports =
    '-http-port=28500 -dns-port=28600 -server-port=28300 -serf-lan-port=28301 -serf-wan-port=28302 -grpc-port=28502 -grpc-tls-port=28503';
  const only =
    '01-http-basics,02-kv,03-session,04-txn,05-agent-service,06-agent-check,07-catalog,08-health,09-misc,10-blocking,11-identity,20-dns,30-query';
  const args = [
    '--base',
    'http://127.0.0.1:28500',
    '--dns',
    '127.0.0.1:28600',
    '--compare',
    join(shared, 'spec/captures'),
    '--only',
    only,
  ];
  const launch = `exec node ${bundle} agent -dev -node=agent-x -log-level=error ${ports}`;
  addCounted(await show('recorded answers', 'python3', [replay, ...args, '--launch', launch]), 'recorded answers');
}

console.log(`\n${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
process.exit(totals.failed > 0 ? 1 : 0);
