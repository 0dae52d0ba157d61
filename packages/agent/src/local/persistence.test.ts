import { type AppendFile, type Disk, DiskError, MemoryDisk, utf8 } from '@proconsul/base';
import { ManualClock, settle } from '@proconsul/base/testing';
import { checkType } from '@proconsul/checks';
import { CheckType, HealthCheck, NodeService } from '@proconsul/schema';
import { describe, expect, test } from 'vitest';
import { keptLog } from '../testing/kept-log.ts';
import { DURABLE_AFTER_MS, JOURNAL_AGE_MAX_MS } from './journaled-files.ts';
import { Persistence } from './persistence.ts';
import type { CheckRow, ServiceRow } from './state.ts';

/** Stands for a hash: 64 hexadecimal digits that differ for different texts. */
const sha256 = (text: string) => Buffer.from(text).toString('hex').padEnd(64, '0').slice(0, 64);

const service = (ID: string, given: Partial<NodeService> = {}): ServiceRow => ({
  service: NodeService.make({ ID, Service: ID, Port: 80, ...given }),
  ...{ token: `token of ${ID}`, origin: 'remote', sidecarOf: '', inSync: false, persisted: false },
});
const check = (CheckID: string): CheckRow => ({
  check: HealthCheck.make({ CheckID, Name: CheckID, Status: 'critical' }),
  definition: checkType(CheckType.make({ CheckID, TTL: 30e9 })),
  ...{ token: '', origin: 'remote', inSync: false, persisted: null },
});

/** Copies the disk before each of its changes, and fails or delays them on demand. */
class WatchedDisk implements Disk {
  readonly #disk: MemoryDisk;
  /** Called before a change. May throw. */
  before: (what: string) => void | Promise<void> = () => {};
  constructor(disk: MemoryDisk) {
    this.#disk = disk;
  }
  async openAppend(path: string): Promise<AppendFile> {
    const file = await this.#disk.openAppend(path);
    const before = (what: string) => this.before(`${what} ${path}`);
    return {
      get sizeBytes() {
        return file.sizeBytes;
      },
      append: (chunks) => {
        void before('append');
        file.append(chunks);
      },
      sync: () => file.sync(),
      reserve: (size) => file.reserve(size),
      truncate: async (size) => {
        await before('truncate');
        await file.truncate(size);
      },
      close: () => file.close(),
    };
  }
  read = (path: string) => this.#disk.read(path);
  list = (path: string) => this.#disk.list(path);
  mkdir = (path: string) => this.#disk.mkdir(path);
  syncDir = (path: string) => this.#disk.syncDir(path);
  rename = (from: string, to: string) => this.#disk.rename(from, to);
  async writeAtomic(path: string, bytes: Uint8Array | readonly Uint8Array[]): Promise<void> {
    await this.before(`write ${path}`);
    await this.#disk.writeAtomic(path, bytes);
  }
  async remove(path: string): Promise<void> {
    await this.before(`remove ${path}`);
    await this.#disk.remove(path);
  }
}

const PLACES = ['services', 'checks', 'checks/state', ''];

/** What is on a disk at this moment, on another one. */
async function copyOf(disk: Disk): Promise<MemoryDisk> {
  const copy = new MemoryDisk();
  for (const dir of PLACES) {
    await copy.mkdir(dir);
    for (const name of await disk.list(dir)) {
      const path = dir === '' ? name : `${dir}/${name}`;
      if (!PLACES.includes(path)) await copy.writeAtomic(path, await disk.read(path));
    }
  }
  return copy;
}

async function world(disk: Disk = new MemoryDisk()) {
  const clock = new ManualClock();
  const lines: string[] = [];
  const persistence = new Persistence({ clock, disk, log: keptLog(lines), sha256 });
  await persistence.prepare();
  return { clock, lines, disk, persistence };
}
const names = async (p: Persistence) => ({
  services: (await p.services()).map((s) => s.service.ID),
  checks: (await p.checks()).map((c) => c.check.CheckID),
});

describe('definitions', () => {
  test('come back with their token after a restart', async () => {
    const w = await world();
    w.persistence.saveService(service('web', { Tags: ['a'], Meta: { k: 'v' } }));
    w.persistence.saveCheck(check('up'));
    await w.clock.advance(DURABLE_AFTER_MS);
    await settle();
    const { persistence } = await world(await copyOf(w.disk));
    expect(await persistence.services()).toMatchObject([
      { service: { ID: 'web', Tags: ['a'], Meta: { k: 'v' }, Port: 80 }, token: 'token of web', origin: 'remote' },
    ]);
    expect(await persistence.checks()).toMatchObject([{ check: { CheckID: 'up' }, definition: { TTL: 30e9 } }]);
  });

  test('that were removed stay away', async () => {
    const w = await world();
    w.persistence.saveService(service('web'));
    w.persistence.saveCheck(check('up'));
    await w.persistence.flush();
    w.persistence.removeService('web');
    w.persistence.removeCheck('up');
    expect(await names((await world(await copyOf(w.disk))).persistence)).toEqual({ services: [], checks: [] });
  });

  test('a sidecar is known as one after a restart', async () => {
    const w = await world();
    w.persistence.saveService(service('web-sidecar-proxy', { LocallyRegisteredAsSidecar: true }));
    w.persistence.saveService(service('web'));
    const { persistence } = await world(await copyOf(w.disk));
    const loaded = await persistence.services();
    expect(loaded.map((s) => [s.service.ID, s.service.LocallyRegisteredAsSidecar])).toEqual([
      ['web', false],
      ['web-sidecar-proxy', true],
    ]);
  });

  test('a file that cannot be read is named and left where it is', async () => {
    const w = await world();
    await w.disk.writeAtomic(`services/${sha256('bad')}`, utf8('{"Service":'));
    w.persistence.saveService(service('web'));
    await w.persistence.flush();
    expect((await names(w.persistence)).services).toEqual(['web']);
    expect(w.lines.join()).toContain(`services/${sha256('bad')}`);
    expect(await w.disk.list('services')).toHaveLength(2);
  });
});

test('whatever change of the disk a crash comes before, what was noted is there after the restart', async () => {
  const inner = new MemoryDisk();
  const disk = new WatchedDisk(inner);
  const w = await world(disk);
  const expected: { services: Set<string>; checks: Set<string> } = { services: new Set(), checks: new Set() };
  const crashes: { at: string; copy: Promise<MemoryDisk>; services: string[]; checks: string[] }[] = [];
  disk.before = (what) => {
    // The line that is being appended is not yet acknowledged.
    if (what.startsWith('append')) return;
    const copy = copyOf(inner);
    crashes.push({ at: what, copy, services: [...expected.services], checks: [...expected.checks] });
    return copy.then(() => {});
  };
  for (let round = 0; round < 4; round++) {
    for (const id of ['a', 'b', 'c']) {
      w.persistence.saveService(service(`${id}${round}`));
      expected.services.add(`${id}${round}`);
    }
    w.persistence.saveCheck(check(`check${round}`));
    expected.checks.add(`check${round}`);
    if (round > 0) {
      w.persistence.removeService(`a${round - 1}`);
      expected.services.delete(`a${round - 1}`);
    }
    if (round % 2 === 1) await w.persistence.flush();
  }
  crashes.push({ at: 'end', copy: copyOf(inner), services: [...expected.services], checks: [...expected.checks] });
  expect(crashes.length).toBeGreaterThan(15);
  for (const crash of crashes) {
    const found = await names((await world(await crash.copy)).persistence);
    expect({ at: crash.at, services: found.services, checks: found.checks }).toEqual({
      at: crash.at,
      services: crash.services.sort(),
      checks: crash.checks.sort(),
    });
  }
});

test('a change that comes while the journal is emptied survives a crash after that', async () => {
  const inner = new MemoryDisk();
  const disk = new WatchedDisk(inner);
  const w = await world(disk);
  w.persistence.saveService(service('first'));
  disk.before = (what) => {
    if (what.startsWith('truncate')) w.persistence.saveService(service('second'));
  };
  await w.persistence.flush();
  const { persistence } = await world(await copyOf(inner));
  expect((await names(persistence)).services).toEqual(['first', 'second']);
});

test('what cannot be written into its file stays in the journal and is tried again', async () => {
  const inner = new MemoryDisk();
  const disk = new WatchedDisk(inner);
  const w = await world(disk);
  disk.before = (what) => {
    if (what.startsWith('write')) throw new DiskError('ENOSPC', what);
  };
  w.persistence.saveService(service('web'));
  await w.clock.advance(DURABLE_AFTER_MS);
  await settle();
  expect(w.lines.join()).toContain('failed to persist');
  expect((await names((await world(await copyOf(inner))).persistence)).services).toEqual(['web']);
  disk.before = () => {};
  await w.clock.advance(DURABLE_AFTER_MS);
  await settle();
  expect((await names(w.persistence)).services).toEqual(['web']);
});

test('while changes go on only the journal is made durable; once it is quiet, or 30 seconds old, the files are', async () => {
  const w = await world();
  const files = () => w.disk.list('services');
  const change = (i: number) => w.persistence.saveService(service(`s${i}`));
  const aSecond = async () => {
    await w.clock.advance(1000);
    await settle();
  };
  for (let second = 0; second < 20; second++) {
    change(second);
    await aSecond();
  }
  expect(await files()).toEqual([]);
  for (let second = 0; second < 6; second++) await aSecond();
  expect(await files()).toHaveLength(20);
  for (let second = 0; second < JOURNAL_AGE_MAX_MS / 1000 + DURABLE_AFTER_MS / 1000; second++) {
    change(20 + second);
    await aSecond();
  }
  expect((await files()).length).toBeGreaterThan(45);
});

test('changes of one moment are noted with one write, which whoever made them can wait for', async () => {
  const disk = new WatchedDisk(new MemoryDisk());
  const w = await world(disk);
  let writes = 0;
  disk.before = (what) => void (what.startsWith('append') && writes++);
  for (const id of ['a', 'b']) w.persistence.saveService(service(id));
  w.persistence.saveCheck(check('up'));
  expect(writes).toBe(0);
  await w.persistence.noted();
  expect(writes).toBe(1);
  const { persistence } = await world(await copyOf(disk));
  expect(await names(persistence)).toEqual({ services: ['a', 'b'], checks: ['up'] });
});

test('whoever makes a change while the journal is emptied waits until it is in there', async () => {
  const disk = new WatchedDisk(new MemoryDisk());
  const w = await world(disk);
  w.persistence.saveService(service('first'));
  let late: Promise<MemoryDisk> | null = null;
  disk.before = async (what) => {
    if (!what.startsWith('truncate')) return;
    w.persistence.saveService(service('second'));
    late = w.persistence.noted().then(() => copyOf(disk));
    await settle();
  };
  await w.persistence.flush();
  const { persistence } = await world((await late) as unknown as MemoryDisk);
  expect((await names(persistence)).services).toEqual(['first', 'second']);
});

test('a line that was cut off does not take the next one with it', async () => {
  const disk = new MemoryDisk();
  const w = await world(disk);
  w.persistence.saveService(service('whole'));
  const copy = await copyOf(disk);
  const journal = await copy.read('definitions.journal');
  await copy.writeAtomic('definitions.journal', [journal, utf8('["services/12')]);
  const again = await world(copy);
  again.persistence.saveService(service('later'));
  const { persistence } = await world(await copyOf(copy));
  expect((await names(persistence)).services.sort()).toEqual(['later', 'whole']);
});

test('a journal never writes outside of its folders', async () => {
  const disk = new MemoryDisk();
  const hash = '0'.repeat(64);
  const paths = ['node-id', `raft/${hash}`, `services/../${hash}`];
  const lines = [...paths.map((path) => [path, {}]), [`services/${hash}`, 'text'], ['a'], 7];
  await disk.writeAtomic('definitions.journal', utf8(`${lines.map((l) => JSON.stringify(l)).join('\n')}\nnot json\n`));
  const w = await world(disk);
  expect(await disk.list('')).toEqual(['checks', 'definitions.journal', 'services']);
  expect(w.lines.filter((l) => l.includes('a line is damaged'))).toHaveLength(7);
});

describe('the state of a TTL check', () => {
  const state = { CheckID: 'up', Status: 'passing', Output: 'fine', Expires: 1000 } as const;

  test('is kept, the last report for all', async () => {
    const w = await world();
    w.persistence.saveTtl({ ...state, Output: 'older' });
    w.persistence.saveTtl(state);
    await w.clock.advance(DURABLE_AFTER_MS);
    await settle();
    expect(await w.persistence.ttl('up', 999_000)).toMatchObject({ Status: 'passing', Output: 'fine' });
  });

  test('is not taken once it has run out, and then removed', async () => {
    const w = await world();
    w.persistence.saveTtl(state);
    await w.persistence.flush();
    expect(await w.persistence.ttl('up', 1_000_001_000)).toBeUndefined();
    await w.persistence.flush();
    expect(await w.disk.list('checks/state')).toEqual([]);
  });
});
