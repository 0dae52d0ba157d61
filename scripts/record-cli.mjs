// Writes down what the reference's command line prints, with the HTTP exchanges that led to it, for the tests of packages/cli
// that replay them.
//
//   node scripts/record-cli.mjs --reference <executable> --addr 127.0.0.1:8500 --record <file>
//
// The command lines are those of tests/interop/alike-cli/lines.txt that need neither a shell nor files and that are for any
// agent. Of help and lists of flags, which are worded differently, the exit code and the first line are kept.
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
    addr: { type: 'string', default: '127.0.0.1:8500' },
    record: { type: 'string' },
  },
});
if (!options.reference || !options.record) {
  console.error('--reference and --record are needed');
  process.exit(2);
}
const LIMIT_MS = 30_000;
const file = join(dirname(fileURLToPath(import.meta.url)), '../tests/interop/alike-cli/lines.txt');
/** Sections of what is asked of any agent. */
const sections = readFileSync(file, 'utf8')
  .split(/^## /m)
  .slice(1)
  .filter((section) => !/^.* @/.test(section.split('\n', 1)[0]));
const lines = sections
  .flatMap((section) => section.split('\n').slice(1))
  .filter((line) => line.trim() !== '' && !line.startsWith('#'))
  .map((raw) => ({ isEffect: raw.startsWith('!'), line: raw.replace(/^!/, '').trim() }));

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

const firstLine = (text) => text.split('\n', 1)[0];
const shortened = ({ status, stdout, stderr }) => ({ status, stdout: firstLine(stdout), stderr: firstLine(stderr) });

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
  for (const { isEffect, line } of lines) {
    exchanges = [];
    const result = await run(program, line, folder, address);
    const argv = wordsOf(line);
    if (isEffect || !argv || LEFT_OUT.test(argv.join(' '))) continue;
    const isHelp = /^Usage:/m.test(result.stdout + result.stderr);
    const kept = isHelp ? { ...shortened(result), firstLineOnly: true } : result;
    transcripts.push({ argv, ...kept, exchanges });
  }
  proxy.close();
  const text = JSON.stringify(transcripts, null, 1).replaceAll(address, '127.0.0.1:8500');
  writeFileSync(options.record, `${text}\n`);
  console.log(`${transcripts.length} transcripts`);
}

const folder = mkdtempSync(join(tmpdir(), 'record-'));
await record(folder);
rmSync(folder, { recursive: true });
