import { fromUtf8, MemoryDisk, seededRng, silentLog } from '@proconsul/base';
import { ManualClock } from '@proconsul/base/testing';
import {
  CheckDefinition,
  CheckType,
  ConnectProxyConfig,
  META_PAIRS_MAX,
  ServiceDefinition,
  SidecarDefinition,
} from '@proconsul/schema';
import { describe, expect, test } from 'vitest';
import type { AntiEntropy } from './anti-entropy.ts';
import { CheckBoard } from './check-board.ts';
import type { FarTarget } from './far-aliases.ts';
import { Persistence } from './persistence.ts';
import { NODE_MAINTENANCE, Registry, type RegistryOptions, SERVICE_MAINTENANCE } from './registry.ts';
import { LocalState } from './state.ts';

const sha256 = (text: string) => Buffer.from(text).toString('hex').padEnd(64, '0').slice(0, 64);

async function world(given: Partial<RegistryOptions> & { updateIntervalMs?: number } = {}) {
  const clock = new ManualClock();
  const local = new LocalState();
  const rng = seededRng('registry');
  const disk = new MemoryDisk();
  const persistence = new Persistence({ clock, disk, log: silentLog, sha256 });
  await persistence.prepare();
  const pushed: number[] = [];
  const reaped: string[] = [];
  const far = new Map<string, FarTarget>();
  const checks = new CheckBoard({
    ...{ local, clock, rng, log: silentLog },
    far: { follow: (id, to) => void far.set(id, to), forget: (id) => void far.delete(id), stop: () => far.clear() },
    run: async () => ({ status: 'passing', output: 'ran' }),
    changed: () => void pushed.push(clock.now()),
    reap: (r) => {
      reaped.push(r.serviceId);
    },
    persistTtl: (state) => persistence.saveTtl(state),
    options: () => ({ outputMaxSize: 4096, discardOutput: false, updateIntervalMs: given.updateIntervalMs ?? 0 }),
  });
  const sync = null as unknown as AntiEntropy;
  const options = { allowRemoteScripts: false, allowLocalScripts: false, sidecarPortMin: 21000, sidecarPortMax: 21001 };
  const registry = new Registry({
    ...{ nodeName: 'n1', local, checks, sync, log: silentLog, persistence },
    options: () => ({ ...options, ...given }),
  });
  const add = (definition: Partial<ServiceDefinition>, replaceExistingChecks = false) =>
    registry.addService(ServiceDefinition.make(definition), {
      ...{ token: 't', origin: 'remote', replaceExistingChecks, persist: true },
    });
  const addCheck = (definition: Partial<CheckDefinition>, token = '') =>
    registry.addCheck(CheckDefinition.make(definition), { token, origin: 'remote', persist: true });
  return { clock, local, disk, persistence, checks, registry, pushed, reaped, far, add, addCheck };
}
const ttl = (given: Partial<CheckType> = {}) => CheckType.make({ TTL: 10e9, ...given });
const withSidecar = (given: Partial<SidecarDefinition> = {}) => ({
  Native: false,
  SidecarService: SidecarDefinition.make(given),
});
const status = (w: { local: LocalState }, id: string) => w.local.checks.get(id)?.check.Status;

test('an alias that names a node is followed in the catalog, until it goes', async () => {
  const w = await world();
  w.add({ Name: 'web', Checks: [CheckType.make({ AliasNode: 'other', AliasService: 'db' })] });
  w.addCheck({ Name: 'mine', AliasNode: 'N1' });
  expect([...w.far]).toEqual([
    ['service:web', { node: 'other', service: 'db' }],
    ['mine', { node: 'N1', service: '' }],
  ]);
  w.registry.removeService('web');
  expect([...w.far.keys()]).toEqual(['mine']);
});

describe('a service', () => {
  test('has its name for an id, weights of one, and its checks numbered', async () => {
    const w = await world();
    w.add({ Name: 'web', Port: 80, Checks: [ttl(), ttl({ CheckID: 'own' }), ttl({ Name: 'named' })] });
    expect(w.local.services.get('web')?.service).toMatchObject({ Service: 'web', Weights: { Passing: 1, Warning: 1 } });
    const found = [...w.local.checks.values()].map(({ check: c }) => [c.CheckID, c.Name, c.Status, c.Type]);
    expect(found).toEqual([
      ['service:web:1', "Service 'web' check", 'critical', 'ttl'],
      ['own', "Service 'web' check", 'critical', 'ttl'],
      ['service:web:3', 'named', 'critical', 'ttl'],
    ]);
  });

  test('keeps the status of its checks when it is registered again', async () => {
    const w = await world();
    w.add({ Name: 'web', Check: ttl() });
    w.registry.reportTtl('service:web', 'passing', 'fine');
    w.add({ Name: 'web', Check: ttl(), Port: 81 });
    expect(w.local.checks.get('service:web')?.check).toMatchObject({ Status: 'passing', Output: 'fine' });
  });

  test('loses checks that it does not name only if that is asked for', async () => {
    const w = await world();
    w.add({ Name: 'web', Checks: [ttl({ CheckID: 'a' }), ttl({ CheckID: 'b' })] });
    w.add({ Name: 'web', Checks: [ttl({ CheckID: 'a' })] });
    expect([...w.local.checks.keys()]).toEqual(['a', 'b']);
    w.add({ Name: 'web', Checks: [ttl({ CheckID: 'a' })] }, true);
    expect([...w.local.checks.keys()]).toEqual(['a']);
    expect(w.local.goneChecks.has('b')).toBe(true);
  });

  test('is noted on the disk when it, or one of its checks, is not as it was', async () => {
    const w = await world();
    const noted = async (work: () => void) => {
      const before = (await w.disk.read('definitions.journal')).length;
      work();
      await w.persistence.noted();
      const bytes = await w.disk.read('definitions.journal');
      const lines = fromUtf8(bytes.subarray(before)).split('\n').slice(0, -1);
      return lines.map((line) => line.slice(2, line.indexOf('/')));
    };
    const web = { Name: 'web', Check: ttl({ Status: 'passing' }) };
    expect(await noted(() => w.add(web))).toEqual(['checks', 'services']);
    expect(await noted(() => w.add(web))).toEqual([]);
    expect(await noted(() => w.add({ ...web, Port: 1 }))).toEqual(['services']);
    expect(await noted(() => w.add({ ...web, Port: 1, Check: ttl({ Status: 'passing', TTL: 9e9 }) }))).toEqual([
      'checks',
    ]);
    w.registry.reportTtl('service:web', 'warning', '');
    expect(await noted(() => w.add({ ...web, Port: 1, Check: ttl({ TTL: 9e9 }) }))).toEqual(['checks']);
    expect(await noted(() => w.registry.removeService('web'))).toEqual(['checks', 'checks', 'services']);
    expect(await noted(() => w.add(web))).toEqual(['checks', 'services']);
  });

  test('goes with its checks, from the disk too', async () => {
    const w = await world();
    w.add({ Name: 'web', Check: ttl() });
    await w.persistence.flush();
    expect(await w.persistence.services()).toHaveLength(1);
    w.registry.removeService('web');
    await w.persistence.flush();
    expect([w.local.services.size, w.local.checks.size]).toEqual([0, 0]);
    expect([await w.persistence.services(), await w.persistence.checks()]).toEqual([[], []]);
    expect(() => w.registry.removeService('web')).toThrow(
      'Unknown service ID "web". Ensure that the service ID is passed, not the service name.',
    );
  });

  test.for([
    [{}, 'Missing service name'],
    [{ Name: 'w', Address: '0.0.0.0' }, 'Invalid service address'],
    [{ Name: 'w', Locality: { Region: '', Zone: 'z' } }, 'zone cannot be set without region'],
    [{ Name: 'w', Checks: [CheckType.zero()] }, 'Invalid check: TTL must be > 0 for TTL checks'],
    [{ Name: 'w', Weights: { Passing: 0, Warning: 1 } }, 'Invalid Weights: Passing must be greater than 0'],
    [{ Name: 'w', Weights: { Passing: 1, Warning: 65536 } }, 'DNS Weight must be between 0 and 65535'],
    [
      { Name: 'w', Meta: { '': 'x' } },
      "Invalid Service Meta: Couldn't load metadata pair ('', 'x'): Key cannot be blank",
    ],
    [{ Name: 'w', Meta: { 'consul-x': '1' } }, "Key prefix 'consul-' is reserved for internal use"],
    [{ Name: 'w', Meta: { k: 'v'.repeat(513) } }, 'Value is too long (limit: 512 characters)'],
    [
      { Name: 'w', Meta: Object.fromEntries([...Array(META_PAIRS_MAX + 1).keys()].map((i) => [`k${i}`, ''])) },
      'Node metadata cannot contain more than 64 key/value pairs',
    ],
    [
      { Name: 'w', Check: CheckType.make({ TTL: 1e9, Status: 'odd' }) },
      "Status for checks must 'passing', 'warning', 'critical'",
    ],
    [
      {
        Name: 'w',
        Checks: [CheckType.make({ TTL: 1e9, Status: 'odd' }), CheckType.make({ HTTP: 'http://127.0.0.1/' })],
      },
      'Invalid check: Interval must be > 0',
    ],
    [
      { Name: 'w', Check: CheckType.make({ ScriptArgs: ['x'], Interval: 1e9 }) },
      'Scripts are disabled on this agent from remote calls',
    ],
    [{ Name: 'w', Kind: 'connect-proxy', Port: 1 }, 'Proxy.DestinationServiceName must be non-empty'],
  ] as const)('%j is refused and leaves no trace', async ([given, text]) => {
    const w = await world();
    expect(() => w.add(given)).toThrow(text);
    expect([w.local.services.size, w.local.checks.size]).toEqual([0, 0]);
  });
});

describe('a sidecar', () => {
  test('is registered with its defaults and goes with its service', async () => {
    const w = await world();
    w.add({ Name: 'web', ID: 'web1', Port: 8080, Tags: ['a'], Meta: { k: 'v' }, Connect: withSidecar() });
    expect(w.local.services.get('web1-sidecar-proxy')).toMatchObject({
      sidecarOf: 'web1',
      service: {
        ...{ Kind: 'connect-proxy', Service: 'web-sidecar-proxy', Port: 21000, Tags: ['a'], Meta: { k: 'v' } },
        LocallyRegisteredAsSidecar: true,
        Proxy: {
          ...{ DestinationServiceName: 'web', DestinationServiceID: 'web1' },
          ...{ LocalServiceAddress: '127.0.0.1', LocalServicePort: 8080 },
        },
      },
    });
    expect([...w.local.checks.values()].map(({ check, definition }) => [check.CheckID, definition?.TCP])).toEqual([
      ['service:web1-sidecar-proxy:1', '127.0.0.1:21000'],
      ['service:web1-sidecar-proxy:2', ''],
    ]);
    w.registry.removeService('web1');
    expect([w.local.services.size, w.local.checks.size]).toEqual([0, 0]);
  });

  test('has its own checks though the definition comes with an empty one, as from the command line of the reference', async () => {
    const w = await world();
    w.add({ Name: 'web', Connect: withSidecar({ Check: CheckType.make() }) });
    expect([...w.local.checks.keys()]).toEqual(['service:web-sidecar-proxy:1', 'service:web-sidecar-proxy:2']);
  });

  test('gets the first free port, keeps it, and is refused when none is left', async () => {
    const w = await world();
    w.add({ Name: 'a', Connect: withSidecar() });
    w.add({ Name: 'b', Connect: withSidecar() });
    w.add({ Name: 'a', Port: 9, Connect: withSidecar() });
    const port = (id: string) => w.local.services.get(`${id}-sidecar-proxy`)?.service.Port;
    expect([port('a'), port('b')]).toEqual([21000, 21001]);
    expect(() => w.add({ Name: 'c', Connect: withSidecar() })).toThrow(
      'none left in the configured range [21000, 21001]',
    );
    expect(w.local.services.has('c')).toBe(false);
    w.registry.removeService('a');
    w.add({ Name: 'c', Connect: withSidecar() });
    expect(port('c')).toBe(21000);
  });

  test('has what it says itself, but no id of its own', async () => {
    const w = await world();
    const proxy = ConnectProxyConfig.make({ LocalServicePort: 7 });
    w.add({ Name: 'web', Connect: withSidecar({ Name: 'other', Port: 5000, Check: ttl(), Proxy: proxy }) });
    expect(w.local.services.get('web-sidecar-proxy')?.service).toMatchObject({
      ...{ Service: 'other', Port: 5000, Proxy: { LocalServicePort: 7 } },
    });
    expect(w.local.checks.size).toBe(1);
    expect(() => w.add({ Name: 'web', Connect: withSidecar({ ID: 'mine' }) })).toThrow(
      "Invalid SidecarService: sidecar_service can't specify an ID",
    );
  });
});

describe('a check', () => {
  test('of a service that is not there is refused, as is one without a name or with an odd status', async () => {
    const w = await world();
    expect(() => w.addCheck({ Name: 'c', TTL: 1e9, ServiceID: 'gone' })).toThrow('ServiceID "gone" does not exist');
    expect(() => w.addCheck({ TTL: 1e9 })).toThrow('Missing check name');
    expect(() => w.addCheck({ Name: 'c', TTL: 1e9, Status: 'odd' })).toThrow('Bad check status');
    expect(() => w.registry.removeCheck('c')).toThrow(
      'Unknown check ID "c". Ensure that the check ID is passed, not the check name.',
    );
  });

  test('has the token of its service unless it brings one', async () => {
    const w = await world();
    w.add({ Name: 'web' });
    w.addCheck({ Name: 'a', TTL: 1e9, ServiceID: 'web' });
    w.addCheck({ Name: 'b', TTL: 1e9, ServiceID: 'web' }, 'own');
    expect(['a', 'b'].map((id) => w.local.checks.get(id)?.token)).toEqual(['t', 'own']);
  });

  test('with a TTL becomes critical without a report, and tells the last note', async () => {
    const w = await world();
    w.addCheck({ Name: 'up', TTL: 10e9 });
    w.registry.reportTtl('up', 'passing', 'all well');
    await w.clock.advance(9_999);
    expect(status(w, 'up')).toBe('passing');
    await w.clock.advance(1);
    expect(w.local.checks.get('up')?.check).toMatchObject({
      ...{ Status: 'critical', Output: 'TTL expired (last output before timeout follows): all well' },
    });
    expect(w.pushed).toEqual([0, 10_000]);
  });

  test('without a TTL takes no reports', async () => {
    const w = await world();
    w.addCheck({ Name: 'tcp', TCP: '127.0.0.1:1', Interval: 10e9 });
    expect(() => w.registry.reportTtl('tcp', 'passing', '')).toThrow('CheckID "tcp" does not have associated TTL');
    expect(() => w.registry.reportTtl('none', 'passing', '')).toThrow('Unknown check ID "none"');
    w.checks.stop();
  });

  test('whose output alone changes is told later, once; a change of status at once', async () => {
    const w = await world({ updateIntervalMs: 60_000 });
    w.addCheck({ Name: 'up', TTL: 3600e9 });
    w.registry.reportTtl('up', 'passing', 'one');
    expect(w.pushed).toEqual([0]);
    w.registry.reportTtl('up', 'passing', 'two');
    w.registry.reportTtl('up', 'passing', 'three');
    await w.clock.advance(29_999);
    expect(w.pushed).toEqual([0]);
    await w.clock.advance(60_001);
    expect(w.pushed).toHaveLength(2);
    w.registry.reportTtl('up', 'warning', 'four');
    expect(w.pushed).toHaveLength(3);
  });

  test('that fails from the start tells at once why', async () => {
    const w = await world({ updateIntervalMs: 60_000 });
    w.addCheck({ Name: 'up', TTL: 3600e9 });
    w.registry.reportTtl('up', 'critical', 'refused');
    expect(w.pushed).toHaveLength(1);
    w.registry.reportTtl('up', 'critical', 'refused again');
    expect(w.pushed).toHaveLength(1);
  });

  test('that is an alias follows the worst check of its service and of the node', async () => {
    const w = await world();
    w.add({ Name: 'web', Check: ttl() });
    w.add({ Name: 'front', Check: CheckType.make({ AliasService: 'web' }) });
    expect(status(w, 'service:front')).toBe('critical');
    w.registry.reportTtl('service:web', 'passing', '');
    await w.clock.advance(10);
    expect(w.local.checks.get('service:front')?.check).toMatchObject({
      Status: 'passing',
      Output: 'All checks passing.',
    });
    w.registry.nodeMaintenance(true, '', '');
    await w.clock.advance(10);
    expect(status(w, 'service:front')).toBe('critical');
  });

  test('that stays critical takes its service with it after a while', async () => {
    const w = await world();
    w.checks.start();
    w.add({ Name: 'web', Check: ttl({ DeregisterCriticalServiceAfter: 60e9 }) });
    await w.clock.advance(59_000);
    expect(w.reaped).toEqual([]);
    await w.clock.advance(32_000);
    expect(w.reaped).toEqual(['web']);
    w.checks.stop();
  });
});

describe('maintenance', () => {
  test('of a service is a critical check that comes once and goes', async () => {
    const w = await world();
    w.add({ Name: 'web' });
    w.registry.serviceMaintenance('web', true, 'reason', '');
    w.registry.serviceMaintenance('web', true, 'another', '');
    expect(w.local.checks.get(`${SERVICE_MAINTENANCE}web`)?.check).toMatchObject({
      ...{ Status: 'critical', Notes: 'reason', ServiceID: 'web', Type: 'maintenance' },
    });
    w.registry.serviceMaintenance('web', false, '', '');
    expect(w.local.checks.size).toBe(0);
    expect(() => w.registry.serviceMaintenance('none', true, '', '')).toThrow('Unknown service ID "none"');
  });

  test('of the node says that nobody gave a reason', async () => {
    const w = await world();
    w.registry.nodeMaintenance(true, '', '');
    expect(w.local.checks.get(NODE_MAINTENANCE)?.check.Notes).toContain('no reason was provided');
  });
});

describe('the local state', () => {
  test('tells whoever waits for services of each change once', async () => {
    const w = await world();
    let told = 0;
    w.local.onServicesChanged(() => told++);
    w.add({ Name: 'web' });
    w.add({ Name: 'web', Port: 1 });
    expect(told).toBe(1);
    w.local.onServicesChanged(() => told++);
    w.add({ Name: 'web', Port: 1 });
    expect(told).toBe(1);
    w.registry.removeService('web');
    expect(told).toBe(2);
  });

  test('gives the same views, and keeps the record of a service, until something changes', async () => {
    const w = await world();
    w.add({ Name: 'web' });
    const [before, record] = [w.local.serviceViews(), w.local.services.get('web')?.service];
    w.add({ Name: 'web' });
    expect(w.local.serviceViews()).toBe(before);
    expect(w.local.services.get('web')?.service).toBe(record);
    w.add({ Name: 'web', Port: 1 });
    expect(w.local.serviceViews()).not.toBe(before);
    expect(w.local.services.get('web')?.service).not.toBe(record);
  });
});
