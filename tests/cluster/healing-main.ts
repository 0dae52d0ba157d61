// npm run healing -- [--rounds 20] [--longest 30] [--servers 3] [--clients 2]
//
// One server after the other is cut off from everybody until both sides have given up on each other, and for up to --longest seconds
// more, as chance will have it: whatever the programs do every so often is met at any moment of it. Then the cut is healed. Measured
// is the time until every agent lists every other one as alive, and until every agent's health answers have all nodes passing. `PROCONSUL_BIN` names another program. Needs network namespaces.
import { parseArgs } from 'node:util';
import type { Links } from '../chaos/links.ts';
import { eventually, pause, type TestAgent } from '../e2e/harness.ts';
import { Cluster, type Place } from './cluster.ts';
import { inNetworks } from './networks.ts';
import { spread } from './spread.ts';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '20' },
    longest: { type: 'string', default: '30' },
    servers: { type: 'string', default: '3' },
    clients: { type: 'string', default: '2' },
  },
});

const GIVEN_UP_WITHIN_MS = 120_000;
const HEALED_WITHIN_MS = 300_000;
/** After all are back, so that nobody has anything left to say of it. */
const CALM_MS = 5000;

/** Whether each of `asked` holds each of `others` to be alive, or not alive. A dead server has left for its leader, not failed. */
async function see(cluster: Cluster, asked: readonly TestAgent[], others: readonly TestAgent[], areAlive: boolean) {
  for (const agent of asked) {
    const members = await cluster.members(agent);
    if (others.some(({ options: { node = '' } }) => (members[node] === 'alive') !== areAlive)) return false;
  }
  return true;
}

/** Cuts one off and heals the cut. Milliseconds from the healing until all know all, and until all nodes are passing everywhere. */
async function cutOff(cluster: Cluster, links: Links, one: TestAgent) {
  const rest = cluster.all.filter((agent) => agent !== one);
  await links.part(
    [one.host],
    rest.map(({ host }) => host),
  );
  const isGivenUp = async () => (await see(cluster, [one], rest, false)) && (await see(cluster, rest, [one], false));
  await eventually(isGivenUp, { withinMs: GIVEN_UP_WITHIN_MS, what: 'both sides have given up' });
  await pause(Math.random() * Number(options.longest) * 1000);
  await links.heal();
  const healedAt = performance.now();
  const isWhole = () => see(cluster, cluster.all, cluster.all, true);
  await eventually(isWhole, { withinMs: HEALED_WITHIN_MS, what: 'all know all' });
  const knownMs = performance.now() - healedAt;
  await cluster.untilWhole(HEALED_WITHIN_MS);
  return { knownMs, passingMs: performance.now() - healedAt };
}

async function measure(links: Links, place: (node: string) => Promise<Place>): Promise<number> {
  const { servers, clients, rounds } = options;
  const cluster = await Cluster.start({ servers: Number(servers), clients: Number(clients), place });
  const known: number[] = [];
  const passing: number[] = [];
  try {
    while (known.length < Number(rounds)) {
      await pause(CALM_MS);
      const one = cluster.servers[Math.floor(Math.random() * cluster.servers.length)] as TestAgent;
      const { knownMs, passingMs } = await cutOff(cluster, links, one);
      known.push(knownMs);
      passing.push(passingMs);
      const [first, second] = [knownMs, passingMs].map((ms) => (ms / 1000).toFixed(2));
      console.log(`${one.options.node} cut off: all know all ${first} s after the healing, all pass after ${second} s`);
    }
  } finally {
    await cluster.stop();
  }
  console.log(`${known.length} cuts, from the healing until all know all: ${spread(known)}`);
  console.log(`until all nodes are passing everywhere: ${spread(passing)}`);
  return 0;
}

process.exitCode = await inNetworks(measure);
