// The same with the SDK, which brings the loop, the back-off and the types.
// node scripts/ts.mjs examples/worker-pool/follow-sdk.ts SERVICE (from the root of the checkout)
import { Consul, watch } from '@proconsul/client';
import { Pool } from './pool.mjs';

const [service = 'worker'] = process.argv.slice(2);
const consul = new Consul({ address: `http://${process.env['CONSUL_HTTP_ADDR'] ?? '127.0.0.1:8500'}` });
const stop = new AbortController();
process.on('SIGINT', () => stop.abort());
process.on('SIGTERM', () => stop.abort());

const pool = new Pool({
  added: (host) => console.log(`+ ${host.id} ${host.address}:${host.port}`),
  removed: (host) => console.log(`- ${host.id} ${host.address}:${host.port}`),
});
const passing = watch((block) => consul.health.service(service, { ...block, passing: true }), {
  signal: stop.signal,
});
for await (const { value } of passing) {
  pool.update(
    value.map(({ Node, Service }) => ({
      id: Service.ID,
      address: Service.Address || Node.Address,
      port: Service.Port,
    })),
  );
}
