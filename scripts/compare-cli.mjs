// Runs the same command lines with two builds of the command line against one agent, and shows where they differ.
//
//   node scripts/compare-cli.mjs --reference <executable> --ours <executable or .mjs> --addr 127.0.0.1:8500 [--only text]
//
// Lines of scripts/compare-cli.txt: a command line for `sh`, `$CONSUL` standing for the program. `!` in front runs it
// for its effect only, once, with the reference. `~` in front compares the exit code and the first line only (help and
// flag lists are worded differently). Identifiers, dates and durations are masked.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values: options } = parseArgs({
  options: {
    reference: { type: 'string' },
    ours: { type: 'string' },
    addr: { type: 'string', default: '127.0.0.1:8500' },
    only: { type: 'string' },
    verbose: { type: 'boolean', default: false },
  },
});
if (!options.reference || !options.ours) {
  console.error('both --reference and --ours are needed');
  process.exit(2);
}
const ours = resolve(options.ours);
const programs = {
  reference: resolve(options.reference),
  ours: /\.m?js$/.test(ours) ? `${process.execPath} ${ours}` : ours,
};
const here = dirname(fileURLToPath(import.meta.url));
const lines = readFileSync(join(here, 'compare-cli.txt'), 'utf8')
  .split('\n')
  .filter((line) => line.trim() !== '' && !line.startsWith('#'));

const LIMIT_MS = 30_000;

function run(program, line, cwd) {
  const env = { ...process.env, CONSUL: program, CONSUL_HTTP_ADDR: options.addr, SHELL: '/bin/sh' };
  const { status, stdout, stderr } = spawnSync('sh', ['-c', line.replaceAll(/\$CONSUL(?!_)/g, program)], {
    cwd,
    env,
    timeout: LIMIT_MS,
    encoding: 'utf8',
  });
  return { status, stdout: mask(stdout ?? ''), stderr: mask(stderr ?? '') };
}

function mask(text) {
  return text
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, '<id>')
    .replaceAll(/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?/g, '<time>')
    .replaceAll(/\b\w+day, \d\d-\w+-\d\d \d\d:\d\d:\d\d/g, '<date>')
    .replaceAll(/unverified\.tmp\d+/g, 'unverified.tmp<n>')
    .replaceAll(/(Create|Modify|Lock|Last)Index( *[": ]+ *)\d+/gi, '$1Index$2<n>')
    .replaceAll(/CONSUL_INDEX=\d+/g, 'CONSUL_INDEX=<n>')
    .replaceAll(/"LTime": ?\d+/g, '"LTime":<n>')
    .replaceAll(/snapshot to index \d+/g, 'snapshot to index <n>')
    .replaceAll(/Completed in [\d.]+ seconds/g, 'Completed in <n> seconds')
    .replaceAll(/^Proconsul v.*\n/gm, '')
    .replaceAll(/(Last Index: +)\d+/g, '$1<n>')
    .replaceAll(/^[A-Za-z0-9+/]{43}=$/gm, '<key>');
}

function firstLines(result) {
  const first = (text) => text.split('\n', 1)[0];
  return { status: result.status, stdout: first(result.stdout), stderr: first(result.stderr) };
}

let same = 0;
const different = [];
const folders = { reference: mkdtempSync(join(tmpdir(), 'ref-')), ours: mkdtempSync(join(tmpdir(), 'our-')) };
for (const raw of lines) {
  const mark = '!~'.includes(raw[0]) ? raw[0] : '';
  const line = raw.slice(mark.length).trim();
  if (mark === '!') {
    for (const cwd of Object.values(folders)) run(programs.reference, line, cwd);
    continue;
  }
  if (options.only && !line.includes(options.only)) continue;
  let reference = run(programs.reference, line, folders.reference);
  let result = run(programs.ours, line, folders.ours);
  if (mark === '~') [reference, result] = [firstLines(reference), firstLines(result)];
  if (JSON.stringify(reference) === JSON.stringify(result)) {
    same++;
    if (options.verbose) console.log(`same       ${line}`);
  } else {
    different.push(line);
    console.log(`DIFFERENT  ${line}`);
    for (const part of ['status', 'stdout', 'stderr']) {
      if (reference[part] === result[part]) continue;
      console.log(`  ${part}, reference: ${JSON.stringify(reference[part])}`);
      console.log(`  ${part}, ours:      ${JSON.stringify(result[part])}`);
    }
  }
}
for (const folder of Object.values(folders)) rmSync(folder, { recursive: true });
console.log(`${same} same, ${different.length} different`);
process.exitCode = different.length === 0 ? 0 : 1;
