// What a program with the `consul` package from npm does. Arguments: folder of the package, host, port.
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [folder, host, port] = process.argv.slice(2);
const Consul = createRequire(join(folder, 'package.json'))('consul');
const consul = new Consul({ host, port: Number(port) });

function step(name, fact) {
  if (!fact) {
    console.log(`failed: ${name}`);
    process.exit(1);
  }
  console.log(`ok ${name}`);
}

step('leader', (await consul.status.leader()).startsWith('127.0.0.1:'));
step('put', (await consul.kv.set('js/a', 'one')) === true);
const entry = await consul.kv.get('js/a');
step('get', entry.Value === 'one' && entry.ModifyIndex > 0);
step('missing', (await consul.kv.get('js/nothing')) === undefined);
// The package hands a `false` of the agent on as undefined.
step('cas', !(await consul.kv.set({ key: 'js/a', value: 'two', cas: '1' })));
step('keys', (await consul.kv.keys('js/')).join() === 'js/a');

const { ID: session } = await consul.session.create({ name: 'js', ttl: '30s' });
step('lock', (await consul.kv.set({ key: 'js/lock', value: 'mine', acquire: session })) === true);
step('session', (await consul.session.get(session)).ID === session);
await consul.session.destroy(session);
step('released', (await consul.kv.get('js/lock')).Session === undefined);

const results = await consul.transaction.create([{ KV: { Verb: 'set', Key: 'js/t', Value: 'dHhu' } }]);
step('txn', results.Results[0].KV.Key === 'js/t');

const seen = [];
const watch = consul.watch({ method: consul.health.service, options: { service: 'jsweb', passing: true } });
const both = new Promise((resolve, reject) => {
  watch.on('error', reject);
  watch.on('change', (nodes) => {
    seen.push(nodes.length);
    if (nodes.length === 1) resolve();
  });
});
await consul.agent.service.register({
  name: 'jsweb',
  id: 'jsweb1',
  port: 80,
  check: { ttl: '60s', status: 'passing' },
});
await both;
watch.end();
step('watch', seen.at(-1) === 1);
step('services', (await consul.agent.service.list()).jsweb1.Port === 80);
step('checks', (await consul.agent.check.list())['service:jsweb1'].Status === 'passing');
step('catalog', Array.isArray((await consul.catalog.service.list()).jsweb));
await consul.agent.service.deregister('jsweb1');
step('gone', (await consul.health.service('jsweb')).length === 0);
step('event', (await consul.event.fire('deploy', '42')).Name === 'deploy');
await consul.kv.del({ key: 'js/', recurse: true });
step('delete', (await consul.kv.get('js/a')) === undefined);
console.log('done');
