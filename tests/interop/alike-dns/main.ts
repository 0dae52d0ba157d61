// CONSUL_BIN=... npm run alike:dns -- [--seeds 10] [--from 1] [--questions 400]
// Tells an agent of ours and one of the reference the same catalog, asks both the same random DNS questions, whole and broken, and shows
// where they answer otherwise. Each seed has a configuration of its own.
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { seededRng } from '@proconsul/base';
import { TestAgent } from '../../e2e/harness.ts';
import { real } from '../reference.ts';
import { ask, Outside } from './asking.ts';
import { anyCatalog, anyConfig } from './catalog.ts';
import { masked, type Said, said, withoutOpt } from './likeness.ts';
import { anyPacket, type Packet } from './questions.ts';

const { values: options } = parseArgs({
  options: {
    seeds: { type: 'string', default: '10' },
    from: { type: 'string', default: '1' },
    questions: { type: 'string', default: '400' },
  },
});
const PORTS = { http: 8500, dns: 8600, server: 8300, serf_lan: 8301, serf_wan: 8302 };
const OUTSIDE_HOST = '127.8.30.9';
const OUTSIDE_PORT = 5353;
/** What is chosen at random is asked for so often before two agents are held to differ. */
const REPEATS = 12;

interface Difference {
  readonly seed: number;
  readonly packet: Packet;
  readonly ours: readonly Said[];
  readonly theirs: readonly Said[];
}

/** How each of the two answers; undefined when they answer alike. */
async function compare(
  packet: Packet,
  hosts: readonly [string, string],
): Promise<readonly [Said[], Said[]] | undefined> {
  const all: [Said[], Said[]] = [[], []];
  for (let n = 0; n < REPEATS; n++) {
    const answers = await Promise.all(hosts.map((host) => ask(host, PORTS.dns, packet)));
    for (const i of [0, 1] as const) all[i].push(said(answers[i] ?? null, hosts[i]));
    for (const one of all[1]) {
      if (/ edns /.test(one.shape)) continue;
      all[0] = all[0].map((ours) => ({ ...ours, shape: withoutOpt(ours.shape) }));
      all[1] = all[1].map((theirs) => ({ ...theirs, shape: withoutOpt(theirs.shape) }));
    }
    if (isDeepStrictEqual(all[0].at(-1), all[1].at(-1))) return undefined;
    // A choice of a few out of many seldom comes twice.
    if (n >= 3 && likely(all[0], all[1])) return undefined;
  }
  return all;
}

/** The same shapes, and every kind of record of either among those of the other. */
function likely(ours: readonly Said[], theirs: readonly Said[]): boolean {
  const shapes = (of: readonly Said[]) => new Set(of.map(({ shape }) => shape));
  const kinds = (of: readonly Said[]) => new Set(of.flatMap(({ records }) => records.map(masked)));
  const within = (a: ReadonlySet<string>, b: ReadonlySet<string>) => [...a].every((one) => b.has(one));
  const isChoice = new Set(theirs.map(({ records }) => records.join('\n'))).size > 1;
  return isChoice && within(shapes(ours), shapes(theirs)) && within(kinds(ours), kinds(theirs));
}

async function run(seed: number, found: Difference[]): Promise<number> {
  const rng = seededRng(`alike dns ${seed}`);
  const config = anyConfig(rng, `${OUTSIDE_HOST}:${OUTSIDE_PORT}`);
  const hosts = ['127.8.30.1', '127.8.30.2'] as const;
  const agents = hosts.map(
    (host, i) => new TestAgent({ node: 'agent-x', host, ports: PORTS, config, ...(i === 1 ? { program: real } : {}) }),
  );
  try {
    await Promise.all(agents.map((agent) => agent.start()));
    for (const { method, path, body } of anyCatalog(rng)) {
      const replies = await Promise.all(agents.map((agent) => agent.request(method, path, body)));
      if (replies[0]?.status !== replies[1]?.status)
        throw new Error(`${path} ${JSON.stringify(body)}: ${replies.map((r) => r.text)}`);
    }
    const domains = [config['domain'] ?? 'consul', config['alt_domain'] ?? config['domain'] ?? 'consul'] as string[];
    console.log(`seed ${seed}: ${JSON.stringify(config)}`);
    for (let n = 0; n < Number(options.questions); n++) {
      const packet = anyPacket(rng, domains);
      const differ = await compare(packet, hosts);
      if (differ !== undefined) found.push({ seed, packet, ours: differ[0], theirs: differ[1] });
    }
    return Number(options.questions);
  } finally {
    await Promise.all(agents.map((agent) => agent.stop()));
  }
}

function show({ seed, packet, ours, theirs }: Difference): void {
  console.log(`\nseed ${seed}: ${packet.transport} ${packet.what}`);
  const shapes = [ours, theirs].map((side) => [...new Set(side.map(({ shape }) => shape))].sort());
  if (!isDeepStrictEqual(shapes[0], shapes[1])) {
    for (const [who, list] of [
      ['ours', shapes[0]],
      ['reference', shapes[1]],
    ] as const) {
      for (const shape of list!.slice(0, 3)) console.log(`   ${who}: ${shape}`);
    }
  }
  const records = [ours, theirs].map((side) => new Set(side.flatMap((one) => one.records)));
  for (const [who, a, b] of [
    ['only ours', records[0], records[1]],
    ['only reference', records[1], records[0]],
  ] as const) {
    for (const one of [...a!].filter((record) => !b!.has(record)).slice(0, 4)) console.log(`   ${who}: ${one}`);
  }
}

const world = new Outside();
await world.start(OUTSIDE_HOST, OUTSIDE_PORT);
const found: Difference[] = [];
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
world.stop();
for (const difference of found) show(difference);
console.log(`\n${asked} questions, ${found.length} answers otherwise`);
if (found.length > 0) process.exitCode = 1;
