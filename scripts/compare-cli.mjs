// Runs the same command lines with two builds of the command line against one agent, and shows where they differ.
//
//   node scripts/compare-cli.mjs --reference <executable> --ours <executable or .mjs> --addr 127.0.0.1:8500 [--only text]
//   node scripts/compare-cli.mjs --reference <executable> --addr 127.0.0.1:8500 --record <file>
//
// Lines of scripts/compare-cli.txt: a command line for `sh`, `$CONSUL` standing for the program. `!` in front runs it
// for its effect only, with the reference. `~` in front compares the exit code and the first line only (help and flag
// lists are worded differently). Identifiers, dates and durations are masked.
//
// With --record, nothing is compared: the reference's output is written to a file together with the HTTP exchanges that
// led to it, for the tests of packages/cli that replay them. Lines that need a shell or files are left out.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
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
    record: { type: 'string' },
    verbose: { type: 'boolean', default: false },
  },
});
if (!options.reference || (!options.ours && !options.record)) {
  console.error('--reference and one of --ours and --record are needed');
  process.exit(2);
}
const LIMIT_MS = 30_000;
const here = dirname(fileURLToPath(import.meta.url));
const lines = readFileSync(join(here, 'compare-cli.txt'), 'utf8')
  .split('\n')
  .filter((line) => line.trim() !== '' && !line.startsWith('#'))
  .map((raw) => ({ mark: '!~'.includes(raw[0]) ? raw[0] : '', line: raw.replace(/^[!~]/, '').trim() }));

function programOf(path) {
  const full = resolve(path);
  return /\.[mc]?js$/.test(full) ? `${process.execPath} ${full}` : full;
}

function run(program, line, cwd, address = options.addr) {
  const env = { ...process.env, CONSUL: program, CONSUL_HTTP_ADDR: address, SHELL: '/bin/sh' };
  const script = line.replaceAll(/\$CONSUL(?!_)/g, program);
  const child = spawn('sh', ['-c', script], { cwd, env, timeout: LIMIT_MS, stdio: ['ignore', 'pipe', 'pipe'] });
  const result = { status: null, stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr']) {
    const chunks = [];
    child[name].on('data', (chunk) => chunks.push(chunk));
    child[name].on('end', () => {
      result[name] = Buffer.concat(chunks).toString();
    });
  }
  return new Promise((done) => {
    child.on('close', (status) => done({ ...result, status }));
  });
}

function mask(text) {
  return text
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, '<id>')
    .replaceAll(/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?/g, '<time>')
    .replaceAll(/\b\w+day, \d\d-\w+-\d\d \d\d:\d\d:\d\d/g, '<date>')
    .replaceAll(/unverified\.tmp\d+/g, 'unverified.tmp<n>')
    .replaceAll(/(Create|Modify|Lock|Last|\b)Index( *[": ]+ *)\d+/gi, '$1Index$2<n>')
    .replaceAll(/CONSUL_INDEX=\d+/g, 'CONSUL_INDEX=<n>')
    .replaceAll(/"LTime": ?\d+/g, '"LTime":<n>')
    .replaceAll(/snapshot to index \d+/g, 'snapshot to index <n>')
    .replaceAll(/Completed in [\d.]+ seconds/g, 'Completed in <n> seconds')
    .replaceAll(/^Proconsul v.*\n/gm, '')
    .replaceAll(/(Last Index: +)\d+/g, '$1<n>')
    .replaceAll(/^[A-Za-z0-9+/]{43}=$/gm, '<key>')
    .replaceAll(/\d+-\d+-\d{13}/g, '<snapshot>');
}

const firstLine = (text) => text.split('\n', 1)[0];
const masked = ({ status, stdout, stderr }) => ({ status, stdout: mask(stdout), stderr: mask(stderr) });
const shortened = ({ status, stdout, stderr }) => ({ status, stdout: firstLine(stdout), stderr: firstLine(stderr) });

async function compare(folders) {
  const programs = { reference: programOf(options.reference), ours: programOf(options.ours) };
  let same = 0;
  let different = 0;
  for (const { mark, line } of lines) {
    if (mark === '!') {
      for (const cwd of Object.values(folders)) await run(programs.reference, line, cwd);
      continue;
    }
    if (options.only && !line.includes(options.only)) continue;
    let reference = masked(await run(programs.reference, line, folders.reference));
    let ours = masked(await run(programs.ours, line, folders.ours));
    if (mark === '~') [reference, ours] = [shortened(reference), shortened(ours)];
    if (JSON.stringify(reference) === JSON.stringify(ours)) {
      same++;
      if (options.verbose) console.log(`same       ${line}`);
      continue;
    }
    different++;
    console.log(`DIFFERENT  ${line}`);
    for (const part of ['status', 'stdout', 'stderr']) {
      if (reference[part] === ours[part]) continue;
      console.log(`  ${part}, reference: ${JSON.stringify(reference[part])}`);
      console.log(`  ${part}, ours:      ${JSON.stringify(ours[part])}`);
    }
  }
  console.log(`${same} same, ${different} different`);
  process.exitCode = different === 0 ? 0 : 1;
}

/** The words of a line that needs no shell, else undefined. */
function wordsOf(line) {
  if (!line.startsWith('$CONSUL ') || /[|;<>$`]/.test(line.slice(1))) return undefined;
  const words = line.slice('$CONSUL '.length).match(/(?:[^\s'"]|'[^']*'|"[^"]*")+/g) ?? [];
  return words.map((word) => word.replaceAll(/'([^']*)'|"([^"]*)"/g, (_, a, b) => a ?? b));
}

const LEFT_OUT =
  /^(lock|exec|debug|tls|validate|keygen|snapshot|monitor)\b|@|\.hcl|\.json|^services (de)?register.*\.|-file|-http-addr=|^watch .* (exit|\/)/;

/** Without the long part that no command reads, and that tells about the machine. */
function shortBody(url, body) {
  if (!url.startsWith('/v1/agent/self') || !body.startsWith('{')) return body;
  const { DebugConfig: _, xDS: __, ...rest } = JSON.parse(body);
  return JSON.stringify(rest);
}

async function record(folder) {
  const program = programOf(options.reference);
  let exchanges = [];
  const [host, port] = options.addr.split(':');
  const proxy = createServer((incoming, answer) => {
    const { 'accept-encoding': _, ...plain } = incoming.headers;
    const outgoing = request({ host, port, method: incoming.method, path: incoming.url, headers: plain });
    const sent = [];
    incoming.on('data', (chunk) => sent.push(chunk) && outgoing.write(chunk));
    incoming.on('end', () => outgoing.end());
    outgoing.on('response', (response) => {
      const got = [];
      response.on('data', (chunk) => got.push(chunk));
      response.on('end', () => {
        const headers = Object.fromEntries(Object.entries(response.headers).filter(([n]) => /^x-|^location/.test(n)));
        exchanges.push({
          request: `${incoming.method} ${incoming.url}`,
          sent: Buffer.concat(sent).toString('latin1'),
          status: response.statusCode,
          headers,
          body: shortBody(incoming.url, Buffer.concat(got).toString('latin1')),
        });
        answer.writeHead(response.statusCode, response.headers).end(Buffer.concat(got));
      });
    });
  });
  await new Promise((done) => proxy.listen(0, '127.0.0.1', done));
  const address = `127.0.0.1:${proxy.address().port}`;
  const transcripts = [];
  for (const { mark, line } of lines) {
    exchanges = [];
    const result = await run(program, line, folder, address);
    const argv = wordsOf(line);
    if (mark === '!' || !argv || LEFT_OUT.test(argv.join(' '))) continue;
    const kept = mark === '~' ? { ...shortened(result), firstLineOnly: true } : result;
    transcripts.push({ argv, ...kept, exchanges });
  }
  proxy.close();
  const text = JSON.stringify(transcripts, null, 1).replaceAll(address, '127.0.0.1:8500');
  writeFileSync(options.record, `${text}\n`);
  console.log(`${transcripts.length} transcripts`);
}

const folders = { reference: mkdtempSync(join(tmpdir(), 'ref-')), ours: mkdtempSync(join(tmpdir(), 'our-')) };
await (options.record ? record(folders.reference) : compare(folders));
for (const folder of Object.values(folders)) rmSync(folder, { recursive: true });
