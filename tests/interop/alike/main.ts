// CONSUL_BIN=... npm run alike -- [--seeds 10] [--from 1] [--requests 300] [--clients reference|ours]
// Asks an agent of ours and one of the reference the same random things, good and bad, and shows where they answer otherwise.
// With --clients, client agents are asked, each with a server of the program that is named.
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { type Rng, seededRng } from '@proconsul/base';
import { pause, TestAgent } from '../../e2e/harness.ts';
import { real } from '../reference.ts';
import { askClients } from './ask-clients.ts';
import { Differences } from './differences.ts';
import { anyRequest, type Request } from './requests.ts';
import { type Alike, Side } from './side.ts';

const { values: options } = parseArgs({
  options: {
    seeds: { type: 'string', default: '10' },
    from: { type: 'string', default: '1' },
    requests: { type: 'string', default: '300' },
    clients: { type: 'string' },
  },
});
/** Anti-entropy follows a change of the agent. */
const SYNC_MS = 60;
const RETRIES = 4;

async function run(seed: number, found: Differences): Promise<number> {
  const start = (host: string, program?: readonly string[]) => {
    const ports = { http: 8500, dns: 8600, server: 8300, serf_lan: 8301, serf_wan: 8302 };
    const config = {
      node_id: '11112222-3333-4444-5555-666677778888',
      disable_update_check: true,
      enable_local_script_checks: true,
    };
    return new TestAgent({ node: 'agent-x', host, ports, config, ...(program ? { program } : {}) });
  };
  const agents = [start('127.8.0.1'), start('127.8.0.2', real)] as const;
  try {
    await Promise.all(agents.map((agent) => agent.start()));
    await pause(500);
    const sides = [new Side(agents[0]), new Side(agents[1])] as const;
    const asked = await askBoth(sides, seed, seededRng(`alike ${seed}`), found);
    for (const side of sides) side.close();
    return asked;
  } finally {
    await Promise.all(agents.map((agent) => agent.stop()));
  }
}

/** Asks both sides the random questions of a seed, until their states have parted. */
async function askBoth(sides: readonly [Side, Side], seed: number, rng: Rng, found: Differences): Promise<number> {
  await Promise.all(sides.map((side) => side.settle()));
  const writes: Request[] = [{ method: 'START', path: '' }];
  for (let n = 0; n < Number(options.requests); n++) {
    const request = anyRequest(rng);
    let answers = await Promise.all(sides.map((side) => side.ask(request)));
    if (request.method !== 'GET') {
      if (request.path.startsWith('/v1/agent')) await pause(SYNC_MS);
      await Promise.all(sides.map((side) => side.settle()));
      writes.push(request);
    }
    for (let i = 0; i < RETRIES && request.method === 'GET' && !isDeepStrictEqual(answers[0], answers[1]); i++) {
      await pause(SYNC_MS);
      answers = await Promise.all(sides.map((side) => side.ask(request)));
    }
    const [ours, theirs] = answers as [Alike, Alike];
    if (theirs.status === 0 || isDeepStrictEqual(ours, theirs)) continue;
    found.add({ seed, request, ours, theirs, writes: [...writes] });
    // What follows a write that went otherwise differs with it.
    if (request.method !== 'GET' && (ours.status === 200) !== (theirs.status === 200)) return n;
  }
  return Number(options.requests);
}

const found = new Differences();
let asked = 0;
for (let i = 0; i < Number(options.seeds); i++) {
  const seed = Number(options.from) + i;
  try {
    if (options.clients === undefined) asked += await run(seed, found);
    else {
      const servers = options.clients === 'ours' ? 'ours' : 'reference';
      asked += await askClients(servers, seed, found, (sides) =>
        askBoth(sides, seed, seededRng(`alike ${seed}`), found),
      );
    }
  } catch (error) {
    console.log(`seed ${seed}: ${(error as Error).stack}`);
    process.exitCode = 1;
  }
}
found.show();
console.log(`\n${asked} requests, ${found.count} answers otherwise, of ${found.kinds} kinds`);
if (found.kinds > 0) process.exitCode = 1;
