// `npm run cluster`: three servers and two client agents on loopback, until Ctrl-C. State is thrown away at the end.
//     --servers N   --clients N   --port N (HTTP port of the first agent; each takes ten from there)   --dir DIR (kept)
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bundle, checkNode, install, must } from './lib.mjs';

const { values: options } = parseArgs({
  options: {
    servers: { type: 'string', default: '3' },
    clients: { type: 'string', default: '2' },
    port: { type: 'string', default: '18500' },
    dir: { type: 'string', default: '' },
  },
});

checkNode();

const names = [
  ...Array.from({ length: Number(options.servers) }, (_, i) => `server-${i + 1}`),
  ...Array.from({ length: Number(options.clients) }, (_, i) => `client-${i + 1}`),
];
const agents = names.map((name, i) => ({
  name,
  isServer: name.startsWith('server'),
  http: Number(options.port) + 10 * i,
}));

/** From its HTTP port on: HTTP, DNS, gossip in the datacenter and beyond, calls. */
const PORTS_EACH = 5;

const isFree = (port) =>
  new Promise((resolve) => {
    const probe = createServer().on('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });

for (const { name, http } of agents) {
  for (let port = http; port < http + PORTS_EACH; port++) {
    if (await isFree(port)) continue;
    console.error(
      `port ${port} of ${name} is in use: does another cluster run? \`npm run cluster -- --port N\` takes others`,
    );
    process.exit(1);
  }
}

await install();
await must(process.execPath, ['scripts/build.mjs', '--if-stale']);

const STARTED_WITHIN_MS = 60_000;
const POLL_MS = 100;
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const dir = options.dir || mkdtempSync(join(tmpdir(), 'proconsul-cluster-'));
const [first] = agents;

function start(agent) {
  const folder = join(dir, agent.name);
  mkdirSync(folder, { recursive: true });
  const { http, isServer, name } = agent;
  const file = join(folder, 'agent.json');
  const settings = {
    node_name: name,
    server: isServer,
    ...(isServer ? { bootstrap_expect: Number(options.servers) } : {}),
    data_dir: join(folder, 'data'),
    bind_addr: '127.0.0.1',
    ports: {
      http,
      dns: http + 1,
      serf_lan: http + 2,
      serf_wan: isServer ? http + 3 : -1,
      server: http + 4,
      grpc: -1,
      grpc_tls: -1,
    },
    retry_join: [`127.0.0.1:${first.http + 2}`],
    retry_interval: '1s',
    performance: { raft_multiplier: 1 },
  };
  writeFileSync(file, JSON.stringify(settings, null, 2));
  const log = openSync(join(folder, 'log'), 'a');
  agent.child = spawn(process.execPath, [bundle, 'agent', '-config-file', file], { stdio: ['ignore', log, log] });
  closeSync(log);
  agent.child.on('close', (code, signal) => {
    if (stopping) return;
    console.log(`${name} has ended (${signal ?? code}); its log is ${join(folder, 'log')}`);
    if (!isWhole)
      void giveUp(`its last lines:\n${readFileSync(join(folder, 'log'), 'utf8').split('\n').slice(-6).join('\n')}`);
  });
}

/** The logs stay. */
async function giveUp(why) {
  console.error(why);
  options.dir ||= dir;
  await stop(1);
}

async function members() {
  try {
    const leader = await (await fetch(`http://127.0.0.1:${first.http}/v1/status/leader`)).json();
    const list = await (await fetch(`http://127.0.0.1:${first.http}/v1/agent/members`)).json();
    return leader === '' ? 0 : list.filter((m) => m.Status === 1).length;
  } catch {
    return 0;
  }
}

let stopping = false;
let isWhole = false;
const ended = () =>
  Promise.all(agents.map((a) => a.child?.exitCode ?? new Promise((resolve) => a.child.on('close', resolve))));
async function stop(code) {
  if (stopping) return;
  stopping = true;
  for (const agent of agents)
    if (agent.child?.exitCode === null && agent.child.signalCode === null) agent.child.kill('SIGKILL');
  await pause(POLL_MS);
  if (options.dir === '') rmSync(dir, { recursive: true, force: true });
  process.exit(code);
}
process.on('SIGINT', () => void stop(0));
process.on('SIGTERM', () => void stop(0));

for (const agent of agents) start(agent);
const from = performance.now();
while ((await members()) < agents.length) {
  if (performance.now() - from > STARTED_WITHIN_MS) {
    await giveUp(`the cluster is not whole after ${STARTED_WITHIN_MS / 1000} s; the logs are in ${dir}`);
  }
  await pause(POLL_MS);
}
isWhole = true;
console.log(`\nA cluster of ${options.servers} servers and ${options.clients} client agents runs.\n`);
console.log('agent      HTTP                     DNS             process');
for (const { name, http, child } of agents) {
  console.log(`${name.padEnd(10)} http://127.0.0.1:${http}   127.0.0.1:${http + 1} ${String(child.pid).padStart(8)}`);
}
const client = agents.find((a) => !a.isServer) ?? first;
console.log(`
In another terminal, any agent will do:

    export CONSUL_HTTP_ADDR=127.0.0.1:${client.http}
    ./proconsul members
    ./proconsul operator raft list-peers
    ./proconsul kv put app/colour blue
    kill -9 PROCESS-OF-THE-LEADER

Ctrl-C ends them all.${options.dir === '' ? ' Their state goes with them.' : ''}`);
await ended();
await stop(0);
