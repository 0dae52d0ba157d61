import { seededRng } from '@proconsul/base';
import { ManualClock, settle } from '@proconsul/base/testing';
import { type Caller, Catalog, Health, type View } from '@proconsul/endpoints';
import { type DeregisterRequest, HealthCheck, Node, NodeService, type RegisterRequest } from '@proconsul/schema';
import { describe, expect, test } from 'vitest';
import { keptLog } from '../testing/kept-log.ts';
import {
  AntiEntropy,
  type NodeIdentity,
  SYNC_INTERVAL_MS,
  SYNC_RETRY_MS,
  SYNC_SERVER_UP_MS,
  syncScale,
} from './anti-entropy.ts';
import { LocalState } from './state.ts';

/** The part of a catalog that belongs to one node. */
class FakeCatalog implements Caller {
  node: Node | null = null;
  services = new Map<string, NodeService>();
  checks = new Map<string, HealthCheck>();
  /** What was written, in order, with its token. */
  readonly writes: string[] = [];
  refusal: Error | null = null;
  reads = 0;
  /** Called before a write is done. */
  before: () => void = () => {};

  leads = () => true;
  peek = () => undefined;

  read: Caller['read'] = (method, _args, _options, done) => {
    this.reads++;
    const value: unknown =
      method.name === Catalog.NodeServices.name
        ? this.node && { Node: this.node, Services: Object.fromEntries(this.services) }
        : [...this.checks.values()];
    if (method.name !== Catalog.NodeServices.name && method.name !== Health.NodeChecks.name)
      throw new Error(method.name);
    const meta = { knownLeader: true, lastContactMs: 0 };
    if (this.refusal !== null) done(this.refusal, null, meta);
    else done(null, { index: 1, value, valid: true, memo: new Map() } as View<never>, meta);
    return () => {};
  };

  write = (async (method: { name: string }, args: unknown) => {
    await Promise.resolve();
    if (this.refusal !== null) throw this.refusal;
    if (method.name === Catalog.Register.name) this.#register(args as RegisterRequest);
    else this.#deregister(args as DeregisterRequest);
    this.before();
    return null;
  }) as Caller['write'];

  #register(r: RegisterRequest): void {
    if (!r.SkipNodeUpdate || this.node === null) {
      const { ID, Node: name, Address, TaggedAddresses, NodeMeta: Meta } = r;
      this.node = Node.make({ ID, Node: name, Address, TaggedAddresses, Meta });
    }
    const checks = (r.Checks ?? []).map((c) => c.CheckID);
    this.writes.push(`+${[r.Service?.ID ?? 'node', ...checks].join('+')} as ${r.Token}`);
    if (r.Service !== null) this.services.set(r.Service.ID, r.Service);
    for (const c of r.Checks ?? []) this.checks.set(c.CheckID, c);
  }

  #deregister(r: DeregisterRequest): void {
    this.writes.push(`-${r.ServiceID || r.CheckID} as ${r.Token}`);
    this.services.delete(r.ServiceID);
    this.checks.delete(r.CheckID);
    for (const [id, c] of this.checks) if (r.ServiceID !== '' && c.ServiceID === r.ServiceID) this.checks.delete(id);
  }
}

const ME: NodeIdentity = {
  id: 'id-1',
  name: 'n1',
  address: '10.0.0.1',
  taggedAddresses: { lan: '10.0.0.1' },
  meta: {},
};

function world(options: { clusterSize?: number } = {}) {
  const clock = new ManualClock();
  const lines: string[] = [];
  const local = new LocalState();
  const catalog = new FakeCatalog();
  let identity = ME;
  const sync = new AntiEntropy({
    ...{ local, caller: catalog, clock, rng: seededRng('anti-entropy'), log: keptLog(lines) },
    identity: () => identity,
    clusterSize: () => options.clusterSize ?? 1,
    token: () => 'agent',
  });
  const service = (ID: string, given: Partial<NodeService> = {}, token = '') =>
    local.putService(NodeService.make({ ID, Service: ID, Weights: { Passing: 1, Warning: 1 }, ...given }), {
      ...{ token, origin: 'remote', sidecarOf: '' },
    });
  const check = (CheckID: string, given: Partial<HealthCheck> = {}, token = '') =>
    local.putCheck(HealthCheck.make({ Node: 'n1', CheckID, Status: 'passing', ...given }), null, {
      ...{ token, origin: 'remote' },
    });
  const rename = (to: Partial<NodeIdentity>) => {
    identity = { ...identity, ...to };
  };
  return { clock, lines, local, catalog, sync, service, check, rename };
}

describe('a full sync', () => {
  test('writes the node where there is nothing else', async () => {
    const w = world();
    await w.sync.syncAll();
    expect(w.catalog.writes).toEqual(['+node as agent']);
    expect(w.catalog.node).toMatchObject({ ID: 'id-1', Node: 'n1', Address: '10.0.0.1' });
    await w.sync.syncAll();
    expect(w.catalog.writes).toHaveLength(1);
  });

  test('registers what is missing, a service with its checks, under their tokens', async () => {
    const w = world();
    w.service('web', {}, 'secret');
    w.check('web-up', { ServiceID: 'web' }, 'secret');
    w.check('disk');
    await w.sync.syncAll();
    expect(w.catalog.writes.sort()).toEqual(['+node+disk as agent', '+web+web-up as secret']);
    await w.sync.syncAll();
    expect(w.catalog.writes).toHaveLength(2);
    w.catalog.services.delete('web');
    await w.sync.syncAll();
    expect(w.catalog.services.has('web')).toBe(true);
  });

  test('removes what the agent does not know, but not what belongs to the servers', async () => {
    const w = world();
    await w.sync.syncAll();
    for (const ID of ['stray', 'consul']) w.catalog.services.set(ID, NodeService.make({ ID, Service: ID }));
    for (const [CheckID, ServiceID] of [
      ['stray-up', 'stray'],
      ['odd', ''],
      ['serfHealth', ''],
    ] as const) {
      w.catalog.checks.set(CheckID, HealthCheck.make({ CheckID, ServiceID }));
    }
    w.catalog.writes.length = 0;
    await w.sync.syncAll();
    expect(w.catalog.writes.sort()).toEqual(['-odd as agent', '-stray as agent']);
    expect([[...w.catalog.services.keys()], [...w.catalog.checks.keys()]]).toEqual([['consul'], ['serfHealth']]);
  });

  test('overwrites what differs', async () => {
    const w = world();
    w.service('web', { Port: 80, Tags: ['mine'] });
    w.check('disk');
    await w.sync.syncAll();
    w.catalog.services.set('web', NodeService.make({ ID: 'web', Service: 'web', Port: 81 }));
    w.catalog.checks.set('disk', HealthCheck.make({ Node: 'n1', CheckID: 'disk', Status: 'critical' }));
    await w.sync.syncAll();
    expect(w.catalog.services.get('web')).toMatchObject({ Port: 80, Tags: ['mine'] });
    expect(w.catalog.checks.get('disk')?.Status).toBe('passing');
  });

  test('does not mind addresses that the servers gave, nor indexes', async () => {
    const w = world();
    w.service('web');
    await w.sync.syncAll();
    const there = w.catalog.services.get('web') as NodeService;
    const TaggedAddresses = { 'consul-virtual': { Address: '240.0.0.1', Port: 0 } };
    w.catalog.services.set('web', { ...there, TaggedAddresses, Tags: [], Meta: {}, CreateIndex: 5, ModifyIndex: 9 });
    w.catalog.writes.length = 0;
    await w.sync.syncAll();
    expect(w.catalog.writes).toEqual([]);
  });

  test('takes over tags of the catalog where they may be overridden', async () => {
    const w = world();
    w.service('free', { EnableTagOverride: true, Tags: ['mine'] });
    w.service('bound', { Tags: ['mine'] });
    await w.sync.syncAll();
    for (const ID of ['free', 'bound']) {
      w.catalog.services.set(ID, { ...(w.catalog.services.get(ID) as NodeService), Tags: ['theirs'] });
    }
    w.catalog.writes.length = 0;
    await w.sync.syncAll();
    expect(w.catalog.writes).toEqual(['+bound as agent']);
    expect(w.local.services.get('free')?.service.Tags).toEqual(['theirs']);
    expect(w.catalog.services.get('bound')?.Tags).toEqual(['mine']);
  });

  test('writes the node again when its metadata or addresses changed', async () => {
    const w = world();
    await w.sync.syncAll();
    w.rename({ meta: { rack: '7' } });
    await w.sync.syncAll();
    w.rename({ taggedAddresses: { lan: '10.0.0.2' } });
    await w.sync.syncAll();
    expect(w.catalog.node).toMatchObject({ Meta: { rack: '7' }, TaggedAddresses: { lan: '10.0.0.2' } });
    expect(w.catalog.writes).toHaveLength(3);
  });
});

describe('a full sync whose answer is from before a removal', () => {
  const registered = async () => {
    const w = world();
    const register = () => {
      w.service('web');
      w.check('web-up', { ServiceID: 'web' });
    };
    register();
    await w.sync.syncAll();
    let release: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    return { ...w, register, gate, release };
  };

  test('that is still under way does not take the check of a service that is registered anew for one that is there', async () => {
    const w = await registered();
    const { write } = w.catalog;
    w.catalog.write = (async (...args: Parameters<Caller['write']>) => {
      await w.gate;
      return await write(...args);
    }) as Caller['write'];
    w.local.removeService('web');
    const removal = w.sync.pushChanges();
    w.register();
    const full = w.sync.syncAll();
    await settle();
    w.release();
    await Promise.all([removal, full]);
    await w.sync.pushChanges();
    expect([[...w.catalog.services.keys()], [...w.catalog.checks.keys()]]).toEqual([['web'], ['web-up']]);
  });

  test('that is done since does not take what is registered anew for what was there', async () => {
    const w = await registered();
    const { read } = w.catalog;
    w.catalog.read = (method, args, options, done) =>
      read(method, args, options, (...answer) => void w.gate.then(() => done(...answer)));
    const full = w.sync.syncAll();
    w.local.removeService('web');
    await w.sync.pushChanges();
    expect([...w.catalog.services.keys()]).toEqual([]);
    w.register();
    w.release();
    await full;
    expect([[...w.catalog.services.keys()], [...w.catalog.checks.keys()]]).toEqual([['web'], ['web-up']]);
  });
});

describe('changes', () => {
  test('are pushed alone, without a look at the catalog', async () => {
    const w = world();
    w.service('web');
    await w.sync.pushChanges();
    w.local.removeService('web');
    await w.sync.pushChanges();
    expect(w.catalog.writes).toEqual(['+web as agent', '-web as agent']);
    expect(w.catalog.reads).toBe(0);
    expect(w.local.goneServices.size).toBe(0);
  });

  test('a check with a token of its own goes after its service, in the same push', async () => {
    const w = world();
    w.service('web', {}, 'one');
    w.check('web-up', { ServiceID: 'web' }, 'two');
    await w.sync.pushChanges();
    expect(w.catalog.writes).toEqual(['+web as one', '+node+web-up as two']);
    expect(w.local.checks.get('web-up')?.inSync).toBe(true);
  });

  test('that come during a push go with the next one, and whoever made them waits for it', async () => {
    const w = world();
    w.check('disk');
    let late: Promise<void> | null = null;
    w.catalog.before = () => {
      if (late !== null) return;
      w.local.setResult('disk', 'critical', 'full');
      late = w.sync.pushChanges();
    };
    await w.sync.pushChanges();
    await late;
    expect(w.catalog.writes).toHaveLength(2);
    expect(w.catalog.checks.get('disk')).toMatchObject({ Status: 'critical', Output: 'full' });
    expect(w.local.checks.get('disk')?.inSync).toBe(true);
  });

  test('of different services are under way together; of one service, one after the other', async () => {
    const w = world();
    const held: (() => void)[] = [];
    const write = w.catalog.write;
    let most = 0;
    w.catalog.write = (async (method: never, args: never) => {
      await new Promise<void>((resolve) => {
        held.push(resolve);
        most = Math.max(most, held.length);
      });
      return write(method, args);
    }) as Caller['write'];
    const pushes: Promise<void>[] = [];
    for (const id of ['a', 'b', 'c']) {
      w.service(id);
      pushes.push(w.sync.pushChanges());
    }
    w.service('a', { Port: 2 });
    pushes.push(w.sync.pushChanges());
    await settle();
    expect(held).toHaveLength(3);
    for (let i = 0; i < 5; i++) {
      for (const go of held.splice(0)) go();
      await settle();
    }
    await Promise.all(pushes);
    expect(most).toBe(3);
    expect(w.catalog.writes).toHaveLength(4);
    expect(w.catalog.services.get('a')?.Port).toBe(2);
    expect(w.local.dirtyServices.size).toBe(0);
  });

  test('are waited for by whoever made them, also when they are being pushed already', async () => {
    const w = world();
    w.check('disk');
    await w.sync.pushChanges(w.local.takeFresh());
    w.local.setResult('disk', 'critical', 'full');
    w.local.markCheck('disk', false);
    void w.sync.pushChanges();
    await w.sync.pushChanges(w.local.takeFresh());
    expect(w.catalog.checks.get('disk')).toMatchObject({ Status: 'critical' });
    // Said again while it is pushed.
    w.local.setResult('disk', 'passing', '');
    w.local.markCheck('disk', false);
    const first = w.sync.pushChanges(w.local.takeFresh());
    w.local.setResult('disk', 'passing', '');
    await w.sync.pushChanges(w.local.takeFresh());
    expect(w.catalog.checks.get('disk')).toMatchObject({ Status: 'passing' });
    await first;
    expect(w.catalog.writes).toHaveLength(3);
  });

  test('do not wait for the writes of others that are under way', async () => {
    const w = world();
    const write = w.catalog.write;
    const slow = { go: () => {} };
    w.catalog.write = (async (method: never, args: { Service: { ID: string } }) => {
      if (args.Service.ID === 'slow') await new Promise<void>((resolve) => (slow.go = resolve));
      return write(method, args as never);
    }) as Caller['write'];
    w.service('slow');
    const first = w.sync.pushChanges(w.local.takeFresh());
    await settle();
    w.service('quick');
    await w.sync.pushChanges(w.local.takeFresh());
    expect(w.catalog.writes).toEqual(['+quick as agent']);
    slow.go();
    await first;
    expect(w.local.dirtyServices.size).toBe(0);
  });

  test('that failed are logged and stay to be pushed', async () => {
    const w = world();
    w.service('web');
    w.catalog.refusal = new Error('No cluster leader');
    await w.sync.pushChanges();
    expect(w.lines.join()).toContain('No cluster leader');
    expect(w.local.services.get('web')?.inSync).toBe(false);
    w.catalog.refusal = null;
    await w.sync.pushChanges();
    expect(w.catalog.services.has('web')).toBe(true);
  });
});

describe('the rhythm', () => {
  const syncs = (w: ReturnType<typeof world>) => w.catalog.reads / 2;

  test('begins at once and goes on every one to two minutes', async () => {
    const w = world();
    w.sync.start();
    await settle();
    expect(syncs(w)).toBe(1);
    for (let i = 2; i < 8; i++) {
      await w.clock.advance(SYNC_INTERVAL_MS - 1);
      expect(syncs(w)).toBeLessThan(i + 2);
    }
    const before = syncs(w);
    await w.clock.advance(2 * SYNC_INTERVAL_MS);
    await settle();
    expect(syncs(w)).toBeGreaterThan(before);
    expect(w.clock.now() / syncs(w)).toBeGreaterThan(SYNC_INTERVAL_MS / 2);
  });

  test('is tried again after 15 to 30 seconds when it failed', async () => {
    const w = world();
    w.catalog.refusal = new Error('No cluster leader');
    w.sync.start();
    await settle();
    w.catalog.reads = 0;
    await w.clock.advance(SYNC_RETRY_MS - 1);
    expect(syncs(w)).toBe(0);
    await w.clock.advance(SYNC_RETRY_MS + 1);
    expect(syncs(w)).toBe(1);
    expect(w.lines.join()).toContain('failed to sync remote state');
  });

  test('is hastened by a server that appears', async () => {
    const w = world();
    w.sync.start();
    await settle();
    w.sync.serverUp();
    await w.clock.advance(SYNC_SERVER_UP_MS);
    await settle();
    expect(syncs(w)).toBe(2);
  });

  test('ends when it is stopped', async () => {
    const w = world();
    w.sync.start();
    await settle();
    w.sync.stop();
    w.sync.serverUp();
    await w.clock.advance(10 * SYNC_INTERVAL_MS);
    expect(syncs(w)).toBe(1);
    expect(w.clock.waiting).toBe(0);
  });

  test('writes nothing once it is stopped, whatever changes, until it is started again', async () => {
    const w = world();
    w.sync.start();
    w.sync.stop();
    await settle();
    w.service('web');
    await w.sync.pushChanges();
    expect(w.catalog.writes).toEqual([]);
    w.sync.start();
    await settle();
    expect(w.catalog.services.has('web')).toBe(true);
  });

  test.for([
    [1, 1],
    [128, 1],
    [129, 2],
    [256, 2],
    [257, 3],
    [512, 3],
    [513, 4],
    [1024, 4],
  ] as const)('in a cluster of %d it is %d times as long', ([nodes, scale]) => {
    expect(syncScale(nodes)).toBe(scale);
  });
});
