import { fromUtf8, MemoryDisk, seededRng, utf8 } from '@proconsul/base';
import { describe, expect, test } from 'vitest';
import { MemberStatus } from './cluster/api-member.ts';
import { LoneMembership } from './cluster/lone-membership.ts';
import { serverTags } from './cluster/tags.ts';
import { nodeId } from './node-id.ts';

const ID = '0f6a1c1e-1111-4222-8333-444455556666';

describe('the id of a node', () => {
  test('is made once and kept', async () => {
    const disk = new MemoryDisk();
    const first = await nodeId('', disk, seededRng(1));
    expect(first).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(await nodeId('', disk, seededRng(2))).toBe(first);
    expect(await nodeId('', null, seededRng(2))).not.toBe(first);
  });

  test('is the configured one, in lower case, from then on', async () => {
    const disk = new MemoryDisk();
    expect(await nodeId(ID.toUpperCase(), disk, seededRng(1))).toBe(ID);
    expect(fromUtf8(await disk.read('node-id'))).toBe(ID);
    expect(await nodeId('', disk, seededRng(1))).toBe(ID);
  });

  test.for([
    ['short', 'specified NodeID is invalid: uuid string is wrong length'],
    [ID.replace('-', 'x'), 'specified NodeID is invalid: uuid is improperly formatted'],
  ] as const)('cannot be %s', async ([given, text]) => {
    await expect(nodeId(given, new MemoryDisk(), seededRng(1))).rejects.toThrow(text);
  });

  test('that was damaged on disk is not replaced by another', async () => {
    const disk = new MemoryDisk();
    await disk.writeAtomic('node-id', utf8('0f6a1c1e'));
    await expect(nodeId('', disk, seededRng(1))).rejects.toThrow('node-id in the data directory is not a node ID');
    await disk.writeAtomic('node-id', utf8(`${ID.toUpperCase()}\n`));
    expect(await nodeId('', disk, seededRng(1))).toBe(ID);
  });
});

describe('a pool of one', () => {
  const tags = serverTags({
    ...{ datacenter: 'dc1', nodeId: ID, version: '1.21.0', serverPort: 8300, grpcPort: 8502, grpcTlsPort: 0 },
    ...{ wanPort: 8302, aclEnabled: false, bootstrap: true, bootstrapExpect: 0, useTls: false },
  });
  const lone = new LoneMembership({
    ...{
      name: 'n1',
      datacenter: 'dc1',
      tags,
      lan: { ip: '10.0.0.1', port: 8301 },
      wan: { ip: '10.0.0.1', port: 8302 },
    },
  });

  test('tells what it is in its tags, and in them only what there is', () => {
    expect(tags).toMatchObject({
      role: 'consul',
      dc: 'dc1',
      port: '8300',
      grpc_port: '8502',
      bootstrap: '1',
      acls: '0',
    });
    for (const absent of ['grpc_tls_port', 'expect', 'use_tls']) expect(tags).not.toHaveProperty(absent);
  });

  test('has one member in each pool; only the LAN is told where to join the WAN', () => {
    expect(lone.lan()).toMatchObject([{ Name: 'n1', Port: 8301, Status: MemberStatus.alive }]);
    expect(lone.wan()).toMatchObject([{ Name: 'n1.dc1', Port: 8302 }]);
    expect(lone.lan()[0]?.Tags['wan_join_port']).toBe('8302');
    expect(lone.wan()[0]?.Tags).not.toHaveProperty('wan_join_port');
  });

  test('joins nobody but itself', async () => {
    expect(await lone.join(['10.0.0.1', '10.0.0.1:8301', '10.0.0.2'], false)).toBe(2);
    expect(await lone.join(['10.0.0.1:8301'], true)).toBe(0);
    const gone = { prune: false, wan: false };
    expect([lone.forceLeave('n1', gone), lone.forceLeave('n2', gone)]).toEqual([true, false]);
  });
});
