import { MemoryDisk, seededRng, utf8 } from '@proconsul/base';
import { ManualClock } from '@proconsul/base/testing';
import { expect, test } from 'vitest';
import type { AppendEntriesRequest, RaftRequest } from '../core/messages.ts';
import { DurableLog, LOG_DEFAULTS } from '../disk/durable-log.ts';
import type { SnapshotStore } from '../disk/snapshot-store.ts';
import type { Entry } from '../entry.ts';
import { encodeRequest } from '../wire/request-codec.ts';
import { Outbox } from './outbox.ts';

const entry = (index: number, term: number): Entry => ({ index, term, type: 0, data: utf8(`${index}/${term}`) });

async function opened() {
  const nothing = () => undefined;
  const log = await DurableLog.open(
    { directory: 'log', ...LOG_DEFAULTS, snapshot: { index: 0, term: 0 } },
    { disk: new MemoryDisk(), clock: new ManualClock(), rng: seededRng('outbox') },
    { durable: nothing, rejected: nothing, failed: nothing },
  );
  const sent: AppendEntriesRequest[] = [];
  const outbox = new Outbox({
    log,
    snapshots: {} as SnapshotStore,
    transport: {
      send: (_to, request: RaftRequest) => {
        sent.push(request as AppendEntriesRequest);
        return new Promise(() => undefined);
      },
      onRequest: nothing,
    },
    id: 'a',
    address: 'a:1',
    answered: nothing,
  });
  const send = (id: string, from: number, last: number) => {
    const to = { id, address: `${id}:1`, suffrage: 'voter' } as const;
    const place = { term: 1, prevLogIndex: from - 1, prevLogTerm: 1, from, last, leaderCommit: 0 };
    const judged = { kind: 'append-entries', term: 1, at: 0, round: 0, heartbeat: false } as const;
    const { prevLogIndex } = place;
    outbox.sendEntries({ kind: 'send-entries', to, ...place, sent: { ...judged, prevLogIndex, lastIndex: last } });
    return sent.at(-1)!;
  };
  return { log, send };
}

test('followers that are sent the same entries are sent one list of them, and the same bytes', async () => {
  const { log, send } = await opened();
  log.append([entry(1, 1), entry(2, 1), entry(3, 1)]);
  const [b, c] = [send('b', 1, 3), send('c', 1, 3)];
  expect(c.entries).toBe(b.entries);
  expect(encodeRequest(c)).toEqual(encodeRequest({ ...c, entries: [...c.entries!] }));
  expect(send('c', 2, 3).entries).toEqual([entry(2, 1), entry(3, 1)]);
  expect(send('b', 1, 2).entries).toEqual([entry(1, 1), entry(2, 1)]);
});

test('entries that took the place of others are not mistaken for them', async () => {
  const { log, send } = await opened();
  log.append([entry(1, 1), entry(2, 1), entry(3, 1)]);
  const before = encodeRequest(send('b', 1, 3));
  log.truncateFrom(2);
  log.append([entry(2, 2), entry(3, 2)]);
  const after = send('c', 1, 3);
  expect(after.entries).toEqual([entry(1, 1), entry(2, 2), entry(3, 2)]);
  expect(encodeRequest(after)).not.toEqual(before);
});
