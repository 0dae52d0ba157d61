import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually, freePort, program, programMissing, run, skipBecause, startAgent, TestAgent } from './harness.ts';

// What a reader of a first tutorial types about the agent itself, on one machine.

describe.skipIf(skipBecause(programMissing()))('scenes: the agent', () => {
  test.for([['version'], ['--version'], ['-version'], ['-v']])(
    '1. `consul %s` prints version, build date and the protocol line',
    async (words) => {
      const { code, stdout } = await run([...program(), ...words]);
      expect(code).toBe(0);
      expect(stdout).toMatch(/^Consul v1\.21\.0$/m);
      expect(stdout).toMatch(/^Build Date \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/m);
      expect(stdout).toMatch(/^Protocol 2 spoken by default, understands 2 to 3 \(agent will automatically use /m);
    },
  );

  test('1. the version as JSON is what tools parse', async () => {
    const { stdout } = await run([...program(), 'version', '-format=json']);
    expect(JSON.parse(stdout)).toMatchObject({
      Version: '1.21.0',
      RPC: { Default: 2, Min: 2, Max: 3 },
    });
  });

  test('2. the development agent prints its banner, then its log, and serves the console at the HTTP port', async () => {
    const agent = await startAgent({ node: 'dev01', args: ['-ui'] });
    try {
      const { http, dns, serf_lan, serf_wan } = agent.ports;
      await eventually(() => agent.log.includes('agent: Consul agent running!'));
      const banner = agent.log.slice(0, agent.log.indexOf('==> Log data will now stream in as it occurs:'));
      expect(banner).toMatch(/^==> Starting Consul agent\.\.\.\n/);
      const value = (label: string) => new RegExp(`^ +${label}: (.*)$`, 'm').exec(banner)?.[1];
      expect(value('Version')).toBe("'1.21.0'");
      expect(value('Build Date')).toMatch(/^'\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000 UTC'$/);
      expect(value('Node ID')).toMatch(/^'[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}'$/);
      expect(value('Node name')).toBe("'dev01'");
      expect(value('Datacenter')).toBe("'dc1' (Segment: '<all>')");
      expect(value('Server')).toBe('true (Bootstrap: false)');
      expect(value('Client Addr')).toBe(`[127.0.0.1] (HTTP: ${http}, HTTPS: -1, gRPC: -1, gRPC-TLS: -1, DNS: ${dns})`);
      expect(value('Cluster Addr')).toBe(`127.0.0.1 (LAN: ${serf_lan}, WAN: ${serf_wan})`);
      expect(value('Gossip Encryption')).toBe('false');
      expect(value('Auto-Encrypt-TLS')).toBe('false');
      expect(value('ACL Enabled')).toBe('false');
      expect(value('ACL Default Policy')).toBe('allow');
      expect(value('HTTPS TLS')).toBe('Verify Incoming: false, Verify Outgoing: false, Min Version: TLSv1_2');
      expect(value('gRPC TLS')).toBe('Verify Incoming: false, Min Version: TLSv1_2');
      expect(value('Internal RPC TLS')).toContain('(Verify Hostname: false)');
      expect(agent.log).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \[INFO\] {2}agent: Consul agent running!$/m);
      const home = await fetch(agent.url('/'), { redirect: 'manual' });
      expect([home.status, home.headers.get('location')]).toEqual([301, '/ui/']);
      const [leader] = (await agent.get('/v1/operator/raft/configuration')).json().Servers;
      expect(leader).toMatchObject({ Node: 'dev01', Leader: true, Voter: true });
    } finally {
      await agent.stop();
    }
  });

  test('3. a durable server registers and checks the services of its configuration directory', async () => {
    const port = await freePort();
    const definition = {
      service: { name: 'web', port, check: { http: `http://127.0.0.1:${port}/`, interval: '1s' } },
    };
    const agent = new TestAgent({
      mode: 'server',
      node: 'service-center',
      args: ['--client', '0.0.0.0', '--ui=true'],
      files: {
        'web.json': JSON.stringify(definition),
        'db.hcl': 'service {\n  name = "db"\n  port = 5432\n  check {\n    ttl = "60s"\n  }\n}\n',
      },
    });
    try {
      await agent.start();
      expect((await agent.cli(['catalog', 'services'])).stdout).toBe('consul\ndb\nweb\n');
      const [web] = (await agent.get('/v1/health/service/web')).json();
      expect(web.Node.Node).toBe('service-center');
      await eventually(async () => {
        const [check] = (await agent.get('/v1/health/checks/web')).json();
        return check.Status === 'critical' && check.Output.includes('connection refused');
      });
      expect((await agent.get('/v1/agent/self')).json().Config.Server).toBe(true);
      expect(agent.log).toContain('Client Addr: [0.0.0.0]');
    } finally {
      await agent.stop();
    }
  });

  describe('7. leaving', () => {
    test('`consul leave` says so, and the agent ends with 0', async () => {
      const agent = await startAgent({ config: { performance: { leave_drain_time: '10ms' } } });
      try {
        const left = await agent.cli(['leave']);
        expect(left).toEqual({ code: 0, stdout: 'Graceful leave complete\n', stderr: '' });
        expect(await agent.exit()).toEqual({ code: 0, signal: null });
      } finally {
        await agent.stop();
      }
    });

    test('a server that is interrupted stops at once, with 1, and does not leave', async () => {
      const agent = await startAgent({ mode: 'server' });
      try {
        agent.signal('SIGINT');
        expect(await agent.exit()).toEqual({ code: 1, signal: null });
        expect(agent.log).toMatch(/Caught: signal=interrupt/);
        await agent.start();
      } finally {
        await agent.stop();
      }
    });

    test('with `leave_on_terminate` SIGTERM is a graceful leave', async () => {
      const agent = await startAgent({
        config: { leave_on_terminate: true, performance: { leave_drain_time: '10ms' } },
      });
      try {
        agent.signal('SIGTERM');
        expect(await agent.exit()).toEqual({ code: 0, signal: null });
        expect(agent.log).toMatch(/Gracefully shutting down agent/i);
      } finally {
        await agent.stop();
      }
    });
  });
});

describe.skipIf(skipBecause(programMissing()))('scenes: members', () => {
  let agent: TestAgent;
  beforeAll(async () => {
    agent = await startAgent({ node: 'm1' });
  });
  afterAll(() => agent?.stop());

  test('7. `consul members` shows this server alive; force-leave of nobody is refused by name', async () => {
    const { stdout } = await agent.cli(['members']);
    const [head = '', row = ''] = stdout.split('\n');
    expect(head.split(/ {2,}/)).toEqual([
      'Node',
      'Address',
      'Status',
      'Type',
      'Build',
      'Protocol',
      'DC',
      'Partition',
      'Segment',
    ]);
    expect(row.split(/ {2,}/)).toEqual([
      'm1',
      `127.0.0.1:${agent.ports.serf_lan}`,
      'alive',
      'server',
      '1.21.0',
      '2',
      'dc1',
      'default',
      '<all>',
    ]);
    const refused = await agent.cli(['force-leave', 'nobody']);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("agent: No node found with name 'nobody'");
  });
});
