import { Resolver } from 'node:dns/promises';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually, programMissing, root, skipBecause, startAgent, type TestAgent } from './harness.ts';

// The names in docs/telemetry.md, after a little of everything.

const KINDS: Readonly<Record<string, string>> = { gauges: 'gauge', counters: 'counter', samples: 'summary' };

/** Name and kind of everything that the page lists. */
function listed(): [name: string, kind: string][] {
  const page = readFileSync(join(root, 'docs/telemetry.md'), 'utf8');
  const found: [string, string][] = [];
  for (const [, block = ''] of page.matchAll(/```text\n([^`]*)```/g)) {
    let kind = '';
    for (const word of block.split(/\s+/).filter((w) => w !== '')) {
      if (KINDS[word] !== undefined) kind = KINDS[word];
      else found.push([word, kind]);
    }
  }
  return found;
}

describe.skipIf(skipBecause(programMissing()))('the metrics of a server', () => {
  let agent: TestAgent;

  beforeAll(async () => {
    agent = await startAgent({
      config: { telemetry: { disable_hostname: true, prometheus_retention_time: '1h' }, log_level: 'warn' },
    });
    await work();
  }, 60_000);
  afterAll(() => agent?.stop());

  async function work(): Promise<void> {
    await agent.mustPut('/v1/kv/a', '1');
    await agent.get('/v1/kv/a?consistent');
    await agent.mustPut('/v1/agent/service/register', { Name: 'web', Port: 80, Connect: { SidecarService: {} } });
    await agent.mustPut('/v1/catalog/register', { Node: 'n', Address: '1.1.1.1' });
    await agent.mustPut('/v1/catalog/deregister', { Node: 'n' });
    await agent.get('/v1/catalog/nodes');
    const { ID } = (await agent.mustPut('/v1/session/create', { TTL: '60s' })).json();
    await agent.mustPut(`/v1/session/renew/${ID}`);
    await agent.mustPut('/v1/txn', [{ KV: { Verb: 'set', Key: 't', Value: 'YQ==' } }]);
    await agent.mustPut('/v1/txn', [{ KV: { Verb: 'get', Key: 't' } }]);
    await agent.mustPut('/v1/config', { Kind: 'service-defaults', Name: 'web', Protocol: 'http' });
    const query = (await agent.request('POST', '/v1/query', { Name: 'q', Service: { Service: 'web' } })).json();
    for (const what of ['execute', 'explain']) await agent.get(`/v1/query/${query.ID}/${what}`);
    const resolver = new Resolver();
    resolver.setServers([`127.0.0.1:${agent.ports.dns}`]);
    await resolver.resolve4('test.node.consul');
    await resolver.reverse('10.9.9.9').catch(() => {});
    const coordinate = { Vec: [0, 0, 0, 0, 0, 0, 0, 0], Error: 1, Adjustment: 0, Height: 0 };
    await agent.mustPut('/v1/coordinate/update', { Node: 'test', Coord: coordinate });
  }

  /** Kinds of what has been observed, by name: what is only declared has no value of its own. */
  async function observed(): Promise<Map<string, string>> {
    const { text } = await agent.get('/v1/agent/metrics?format=prometheus');
    const kinds = new Map<string, string>();
    for (const [, name = '', kind = ''] of text.matchAll(/^# TYPE consul_(\S+) (\S+)$/gm)) {
      const values = [...text.matchAll(new RegExp(`^consul_${name}(_count)?(\\{[^}]*\\})? (\\S+)$`, 'gm'))];
      const sums = values.filter((v) => kind !== 'summary' || v[1] === '_count');
      if (kind === 'gauge' || sums.some((v) => Number(v[3]) > 0)) kinds.set(name, kind);
    }
    return kinds;
  }

  test('are the ones that the page lists, each of the kind that it says', async () => {
    const names = listed();
    expect(names.length).toBeGreaterThan(60);
    const differing = async () => {
      const found = await observed();
      return names
        .map(([name, kind]) => [name, kind, found.get(name.replaceAll(/[.-]/g, '_'))])
        .filter(([, kind, got]) => got !== kind);
    };
    // Some are told every ten seconds, and coordinates are written in batches.
    await eventually(async () => (await differing()).length === 0, { withinMs: 25_000 }).catch(() => {});
    expect(await differing()).toEqual([]);
  });
});
