// npm run death -- [--rounds 20]
//
// Three servers and a client agent: the client is killed again and again (SIGKILL), and one asks a server until its node is critical
// (R14). `PROCONSUL_BIN` names another program. With --namespaces each agent has a network of its own, as machines have; that has to be run
// where one may make them.
import { parseArgs } from 'node:util';
import { eventually, pause } from '../e2e/harness.ts';
import { Cluster, type Place } from './cluster.ts';
import { inNetworks } from './networks.ts';
import { spread } from './spread.ts';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '20' },
    /** Last number of the first address on loopback; each agent has one of its own, as in earnest. */
    address: { type: 'string', default: '11' },
    namespaces: { type: 'boolean', default: false },
  },
});

const NODES = ['s1', 's2', 's3', 'c1'];
/** After it is back, so that nobody has anything left to say of it. */
const CALM_MS = 4000;

const onLoopback = (node: string) => ({ host: `127.0.0.${Number(options.address) + NODES.indexOf(node)}` });

async function measure(place: (node: string) => Place | Promise<Place>): Promise<number> {
  const cluster = await Cluster.start({ servers: 3, clients: 1, place });
  const [server, client] = [cluster.servers[1]!, cluster.clients[0]!];
  const isCritical = async (wait: string): Promise<boolean> => {
    const reply = await server.get(`/v1/health/node/c1?${wait}`);
    index = Number(reply.headers.get('x-consul-index'));
    return reply.json<{ CheckID: string; Status: string }[]>().some((c) => c.Status === 'critical');
  };
  let index = 1;
  const times: number[] = [];
  try {
    for (let round = 0; round < Number(options.rounds); round++) {
      await eventually(async () => !(await isCritical('')), { withinMs: 60_000, what: 'the client is back' });
      await pause(CALM_MS + Math.random() * 1000);
      const killedAt = performance.now();
      client.signal('SIGKILL');
      while (!(await isCritical(`index=${index}&wait=60s`)));
      times.push(performance.now() - killedAt);
      await client.exit();
      client.spawn();
    }
  } finally {
    await cluster.stop();
  }
  console.log(`${times.length} deaths, from SIGKILL to critical: ${spread(times)}`);
  return 0;
}

process.exitCode = await (options.namespaces ? inNetworks((_, place) => measure(place)) : measure(onLoopback));
