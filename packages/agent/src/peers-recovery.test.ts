import { DiskError, fromUtf8, MemoryDisk, noMetrics, seededRng, silentLog, utf8 } from '@proconsul/base';
import { ManualClock } from '@proconsul/base/testing';
import { msgpackConfiguration, noTransport, RAFT_DEFAULTS, RaftNode, type StateMachine } from '@proconsul/raft';
import { describe, expect, test } from 'vitest';
import { PEERS_FILE, PEERS_INFO_FILE, recoverFromPeersFile } from './peers-recovery.ts';
import { keptLog } from './testing/kept-log.ts';

/** A state that is the texts of its commands. */
function textMachine(): StateMachine & { texts: string[] } {
  const texts: string[] = [];
  return {
    texts,
    apply: (entries) => entries.map((e) => texts.push(fromUtf8(e.data))),
    snapshot: () => ({
      async *chunks() {
        yield utf8(JSON.stringify(texts));
      },
    }),
    async restore(chunks) {
      let text = '';
      for await (const chunk of chunks) text += fromUtf8(chunk);
      texts.splice(0, texts.length, ...(JSON.parse(text) as string[]));
    },
  } as StateMachine & { texts: string[] };
}

/** A server on a disk; it is alone in its first configuration. */
async function server(disk: MemoryDisk, clock: ManualClock) {
  const machine = textMachine();
  const node = new RaftNode(
    { ...RAFT_DEFAULTS, id: 'id-1', address: '10.0.0.1:8300' },
    {
      ...{ clock, rng: seededRng(1), disk, log: silentLog, metrics: noMetrics },
      ...{ transport: noTransport, codec: msgpackConfiguration, machine },
    },
  );
  await node.open();
  return { node, machine };
}

async function world() {
  const disk = new MemoryDisk();
  const clock = new ManualClock();
  const lines: string[] = [];
  const recover = () =>
    recoverFromPeersFile({ disk, clock, rng: seededRng(2), log: keptLog(lines), machine: textMachine });
  return { disk, clock, lines, recover };
}

const isThere = async (disk: MemoryDisk, path: string) => {
  try {
    await disk.read(path);
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(DiskError);
    return false;
  }
};

describe('recovery by a peers file', () => {
  test('is not done at the first start, which leaves an explanation', async () => {
    const { disk, recover } = await world();
    await disk.mkdir('raft');
    await disk.writeAtomic(PEERS_FILE, utf8('[]'));
    await recover();
    expect(await isThere(disk, PEERS_FILE)).toBe(false);
    expect(fromUtf8(await disk.read(PEERS_INFO_FILE))).toContain('"non_voter": false');
    await recover();
  });

  test('keeps what was stored and replaces the servers', async () => {
    const { disk, clock, lines, recover } = await world();
    await recover();
    const before = await server(disk, clock);
    await before.node.start();
    const ready = before.node.bootstrap({
      servers: [
        { id: 'id-1', address: '10.0.0.1:8300', suffrage: 'voter' },
        { id: 'id-2', address: '10.0.0.2:8300', suffrage: 'voter' },
      ],
    });
    await clock.advance(100);
    await ready;
    await before.node.stop();
    await disk.writeAtomic(PEERS_FILE, utf8('[{"id":"id-1","address":"10.9.9.9:8300"}]'));
    const over = recover();
    await clock.advance(100);
    await over;
    expect(lines).toContain('INFO found peers.json file, recovering Raft configuration...');
    expect(lines.at(-1)).toBe('INFO deleted peers.json file after successful recovery');
    expect(await isThere(disk, PEERS_FILE)).toBe(false);
    const after = await server(disk, clock);
    expect(after.node.configuration()).toEqual({
      servers: [{ id: 'id-1', address: '10.9.9.9:8300', suffrage: 'voter' }],
    });
  });

  test.for([['{'], ['{}'], ['[{"id":"a"}]'], ['["10.0.0.1:8300"]']])(
    'refuses %s and keeps the file',
    async ([text]) => {
      const { disk, recover } = await world();
      await recover();
      await disk.writeAtomic(PEERS_FILE, utf8(text as string));
      await expect(recover()).rejects.toThrow('recovery failed to parse peers.json: ');
      expect(await isThere(disk, PEERS_FILE)).toBe(true);
    },
  );
});
