import { fromUtf8, noMetrics, silentLog, utf8 } from '@proconsul/base';
import { nodeAesGcm, nodeNetwork, systemClock, systemRng } from '@proconsul/io-node';
import { type Delegate, KeyList, MEMBERLIST_DEFAULTS, Memberlist } from '../index.ts';

/*
 * A chat among processes that find each other. Each line that is typed goes to everybody, by gossip:
 *     node scripts/ts.mjs packages/gossip/src/testing/example.ts NAME PORT [PORT OF ANOTHER]
 */
const [name = 'someone', port = '7946', other] = process.argv.slice(2);

const outbox: { line: Uint8Array; sends: number }[] = [];
const seen = new Set<string>();

/** Each message goes out a few times, since a single packet may be lost; who hears it for the first time passes it on. */
function spread(line: Uint8Array): void {
  if (seen.has(fromUtf8(line))) return;
  seen.add(fromUtf8(line));
  outbox.push({ line, sends: 4 });
}

const chat: Delegate = {
  meta: () => utf8('likes gossip'),
  onMessage(message) {
    if (seen.has(fromUtf8(message))) return;
    console.log(fromUtf8(message).replace(/^\S+ /, ''));
    spread(message.slice());
  },
  broadcasts(overhead, limit) {
    const next = outbox[0];
    if (next === undefined || next.line.length + overhead > limit) return [];
    if (--next.sends === 0) outbox.shift();
    return [next.line];
  },
  localState: () => new Uint8Array(0),
  mergeState: () => undefined,
  onJoin: (node) => console.log(`* ${node.name} at ${node.address}:${node.port} is here`),
  onLeave: (node) => console.log(`* ${node.name} ${node.state === 3 ? 'left' : 'does not answer any more'}`),
  onUpdate: (node) => console.log(`* ${node.name} has changed`),
};

const pool = new Memberlist(
  { ...MEMBERLIST_DEFAULTS, name, bind: { host: '127.0.0.1', port: Number(port) } },
  {
    clock: systemClock,
    rng: systemRng,
    network: nodeNetwork,
    log: silentLog,
    metrics: noMetrics,
    delegate: chat,
    aesGcm: nodeAesGcm,
    keyring: new KeyList([utf8('a key of 16 byte')]),
  },
);
await pool.start();
if (other !== undefined) await pool.join([{ host: '127.0.0.1', port: Number(other) }]);

process.stdin.on('data', (typed) => spread(utf8(`${systemClock.wallMs()} ${name}: ${String(typed).trim()}`)));
process.stdin.on('end', async () => {
  await pool.leave(3000);
  await pool.stop();
});
