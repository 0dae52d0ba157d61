import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { programMissing, skipBecause, type TestAgent } from '../e2e/harness.ts';
import { Cluster } from './cluster.ts';

const KEY1 = Buffer.alloc(32, 1).toString('base64');
const KEY2 = Buffer.alloc(32, 2).toString('base64');

describe.skipIf(skipBecause(programMissing()))('the keys of encrypted gossip', () => {
  let cluster: Cluster;

  beforeAll(async () => {
    cluster = await Cluster.start({ servers: 1, clients: 1, config: { encrypt: KEY1 } });
  }, 60_000);
  afterAll(() => cluster?.stop());

  test('are listed, installed, used and removed on all members, through a client', async () => {
    const [client] = cluster.clients as [TestAgent];
    const keyring = async (...args: string[]) => (await client.cli(['keyring', ...args])).stdout;
    expect(await keyring('-list')).toContain(`\nWAN:\n  ${KEY1} [1/1]\n\ndc1 (LAN):\n  ${KEY1} [2/2]\n`);
    await keyring(`-install=${KEY2}`);
    await keyring(`-use=${KEY2}`);
    const refused = await client.cli(['keyring', `-remove=${KEY2}`]);
    expect([refused.code, refused.stderr]).toEqual([
      1,
      expect.stringContaining('Removing the primary key is not allowed'),
    ]);
    await keyring(`-remove=${KEY1}`);
    expect(await keyring('-list')).toContain(`\nWAN:\n  ${KEY2} [1/1]\n\ndc1 (LAN):\n  ${KEY2} [2/2]\n`);
    expect((await client.get('/v1/operator/keyring?local-only=1')).json()).toEqual([
      { WAN: false, Datacenter: 'dc1', Segment: '', Keys: { [KEY2]: 2 }, PrimaryKeys: { [KEY2]: 2 }, NumNodes: 2 },
    ]);
  });

  test('survive a restart', async () => {
    const [client] = cluster.clients as [TestAgent];
    await client.kill();
    await client.start();
    await cluster.untilWhole();
    expect(client.log).toContain("keyring doesn't include key provided with -encrypt, using keyring: keyring=LAN");
  });
});
