// node follow.mjs SERVICE [poll|block]: prints each host as it comes and goes, until Ctrl+C.
import { followByBlocking, followByPolling, Pool } from './pool.mjs';

const [service = 'worker', how = 'block'] = process.argv.slice(2);
const agent = `http://${process.env.CONSUL_HTTP_ADDR ?? '127.0.0.1:8500'}`;
const stop = new AbortController();
process.on('SIGINT', () => stop.abort());
process.on('SIGTERM', () => stop.abort());

const pool = new Pool({
  added: (host) => console.log(`+ ${host.id} ${host.address}:${host.port}`),
  removed: (host) => console.log(`- ${host.id} ${host.address}:${host.port}`),
});
const options = { signal: stop.signal, onError: (error) => console.error(`! ${error.message}`) };
if (how === 'poll') await followByPolling(agent, service, pool, { ...options, everyMs: 3000 });
else await followByBlocking(agent, service, pool, options);
