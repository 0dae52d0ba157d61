// CONSUL_BIN=... npm run alike -- [--seeds 10] [--from 1] [--requests 300]
// Asks an agent of ours and one of the reference the same random things, good and bad, and shows where they answer otherwise.
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { seededRng } from '@proconsul/base';
import { pause, TestAgent } from '../../e2e/harness.ts';
import { real } from '../reference.ts';
import { anyRequest, type Request } from './requests.ts';
import { type Alike, Side } from './side.ts';

const { values: options } = parseArgs({
  options: {
    seeds: { type: 'string', default: '10' },
    from: { type: 'string', default: '1' },
    requests: { type: 'string', default: '300' },
  },
});
/** Anti-entropy follows a change of the agent. */
const SYNC_MS = 60;
const RETRIES = 4;

interface Difference {
  readonly seed: number;
  readonly request: Request;
  readonly ours: Alike;
  readonly theirs: Alike;
  /** What had been written, in the order that indexes are counted in. */
  readonly writes: readonly Request[];
}

const shape = ({ method, path }: Request): string =>
  `${method} ${path.replace(/\?.*/, '').split('/').slice(0, 5).join('/')}`;

async function run(seed: number, found: Map<string, Difference[]>): Promise<number> {
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
    const sides = [new Side(agents[0], '127.8.0.1'), new Side(agents[1], '127.8.0.2')] as const;
    const rng = seededRng(`alike ${seed}`);
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
      const key = `${shape(request)} ${ours.status} ${theirs.status}`;
      const same = found.get(key) ?? [];
      found.set(key, [...same, { seed, request, ours, theirs, writes: [...writes] }]);
      // What follows a write that went otherwise differs with it.
      if (request.method !== 'GET' && (ours.status === 200) !== (theirs.status === 200)) return n;
    }
    for (const side of sides) side.close();
    return Number(options.requests);
  } finally {
    await Promise.all(agents.map((agent) => agent.stop()));
  }
}

/** The first places in which two values differ. */
function places(a: unknown, b: unknown, at = ''): string[] {
  if (isDeepStrictEqual(a, b)) return [];
  const isTree = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
  if (!isTree(a) || !isTree(b) || Array.isArray(a) !== Array.isArray(b))
    return [`${at || '.'}: ${JSON.stringify(a)} instead of ${JSON.stringify(b)}`];
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  return names.flatMap((name) => places(a[name], b[name], `${at}.${name}`));
}

const found = new Map<string, Difference[]>();
let asked = 0;
for (let i = 0; i < Number(options.seeds); i++) {
  const seed = Number(options.from) + i;
  try {
    asked += await run(seed, found);
  } catch (error) {
    console.log(`seed ${seed}: ${(error as Error).message}`);
    process.exitCode = 1;
  }
}
for (const [key, differences] of found) {
  console.log(`\n== ${key} (${differences.length})`);
  for (const { seed, request, ours, theirs, writes } of differences.slice(0, 3)) {
    console.log(`seed ${seed}: ${request.method} ${request.path} ${request.body ?? ''}`);
    for (const place of places(ours, theirs).slice(0, 5)) {
      console.log(`   ${place.slice(0, 400)}`);
      const indexes = /[iI]ndex: "?(\d+)"? instead of "?(\d+)/.exec(place);
      for (const n of indexes?.slice(1) ?? []) {
        const write = writes[Number(n)];
        if (write !== undefined)
          console.log(`      ${n}: ${write.method} ${write.path} ${(write.body ?? '').slice(0, 300)}`);
      }
    }
  }
}
console.log(`\n${asked} requests, ${[...found.values()].flat().length} answers otherwise, of ${found.size} kinds`);
if (found.size > 0) process.exitCode = 1;
