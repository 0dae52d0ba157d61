/**
 * Questions per second that the logic answers on one thread, sockets left out: a service with ten instances, asked over UDP
 * without EDNS, as `dig` asks.
 *
 *     npx esbuild packages/dns/src/handler.bench.ts --bundle --platform=node --conditions=source --format=esm \
 *       --outfile=/tmp/dns-bench.mjs && node /tmp/dns-bench.mjs [seconds for each row]
 */
import { noMetrics, seededRng, silentLog } from '@proconsul/base';
import { FixtureCatalog } from './catalog.fixture.ts';
import { CLIENT, FixtureClock, noNetwork, question } from './handler.fixture.ts';
import { DnsHandler } from './handler.ts';
import { Recursors } from './recursors.ts';
import { DEFAULT_DNS_SETTINGS } from './settings.ts';

const seconds = Number(process.argv[2] ?? 2);
const BATCH = 1_000;

function catalogOf(instances: number): FixtureCatalog {
  const catalog = new FixtureCatalog();
  for (let i = 0; i < instances; i++) {
    catalog.register({
      Node: `node-${i}`,
      Address: `10.0.${i >> 8}.${i & 255}`,
      NodeMeta: { 'consul-network-segment': '', 'consul-version': '1.21.0' },
      Service: { Service: 'web', Port: 8000 + i },
    });
  }
  return catalog;
}

function handlerOf(source: FixtureCatalog): DnsHandler {
  const clock = { now: () => performance.now(), wallMs: () => Date.now(), after: new FixtureClock().after };
  const parts = { clock, rng: seededRng(1), log: silentLog };
  const recursors = new Recursors(DEFAULT_DNS_SETTINGS, { ...parts, network: noNetwork });
  return new DnsHandler(DEFAULT_DNS_SETTINGS, { ...parts, source, metrics: noMetrics, recursors });
}

async function measure(title: string, catalog: FixtureCatalog, query: Uint8Array, changeEvery = 0): Promise<void> {
  const handler = handlerOf(catalog);
  let bytes = 0;
  let done = 0;
  const start = performance.now();
  while (performance.now() - start < seconds * 1000) {
    for (let i = 0; i < BATCH; i++) {
      query[0] = i >> 8;
      query[1] = i;
      if (changeEvery > 0 && i % changeEvery === 0) catalog.changed();
      const reply = handler.handle(query, CLIENT, 'udp');
      bytes += (reply instanceof Promise ? await reply : reply)!.length;
    }
    done += BATCH;
  }
  const rate = Math.round(done / ((performance.now() - start) / 1000));
  console.log(`${title.padEnd(44)} ${rate.toLocaleString('en').padStart(10)} q/s  ${Math.round(bytes / done)} bytes`);
}

const ten = catalogOf(10);
const edns = { edns: { udpBytes: 1232 } };
await measure('A, 10 instances, UDP', ten, question('web.service.consul', 'A'));
await measure('SRV, 10 instances, UDP', ten, question('web.service.consul', 'SRV'));
await measure('A, 10 instances, EDNS 1232', ten, question('web.service.consul', 'A', edns));
await measure('SRV, 10 instances, EDNS 1232', ten, question('web.service.consul', 'SRV', edns));
await measure('A of a node', ten, question('node-1.node.consul', 'A'));
await measure('unknown name', ten, question('nothing.service.consul', 'A'));
await measure('SRV, 10 instances, a change every 10th', ten, question('web.service.consul', 'SRV'), 10);
await measure('SRV, 200 instances, UDP', catalogOf(200), question('web.service.consul', 'SRV'));
await measure('SRV, 200 instances, a change every 10th', catalogOf(200), question('web.service.consul', 'SRV'), 10);
