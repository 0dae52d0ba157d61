// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are the templates of queries
import { seededRng } from '@proconsul/base';
import {
  HealthCheck,
  MessageType,
  NodeService,
  PreparedQuery,
  PreparedQueryRequest,
  RegisterRequest,
} from '@proconsul/schema';
import { encodeCommand, Store } from '@proconsul/store';
import { describe, expect, test } from 'vitest';
import { executeQuery, resolveQuery } from './execute.ts';

class World {
  readonly store = new Store({ datacenter: 'dc1' });
  #index = 0;

  apply(type: MessageType, request: unknown): unknown {
    return this.store.apply(++this.#index, encodeCommand(type, request));
  }

  instance(
    node: string,
    given: { tags?: string[]; meta?: Record<string, string>; status?: string; nodeMeta?: Record<string, string> } = {},
  ) {
    const checks =
      given.status === undefined
        ? []
        : [HealthCheck.make({ Node: node, CheckID: 'c', Status: given.status, ServiceID: 'db' })];
    this.apply(
      MessageType.Register,
      RegisterRequest.make({
        Node: node,
        Address: `10.0.0.${node.length}`,
        NodeMeta: given.nodeMeta ?? null,
        Service: NodeService.make({ ID: 'db', Service: 'db', Tags: given.tags ?? null, Meta: given.meta ?? null }),
        Checks: checks,
      }),
    );
  }

  query(id: string, given: Partial<PreparedQuery>): void {
    const ID = `00000000-0000-0000-0000-00000000000${id}`;
    const Query = PreparedQuery.make({ ...given, ID });
    expect(this.apply(MessageType.PreparedQuery, PreparedQueryRequest.make({ Op: 'create', Query }))).toBeNull();
  }

  run(name: string, given: { Limit?: number; near?: string; ip?: string } = {}) {
    const world = { store: this.store, rng: seededRng(1), datacenter: 'dc1' };
    return executeQuery(world, {
      Datacenter: '',
      Token: '',
      QueryIDOrName: name,
      Limit: given.Limit ?? 0,
      Connect: false,
      Agent: { Node: 'agent', Segment: '' },
      Source: { Node: given.near ?? '', Ip: given.ip ?? '' },
    });
  }

  nodes(name: string): string[] {
    return this.run(name)
      .Nodes.map((n) => n.Node?.Node ?? '')
      .sort();
  }
}

const service = (given: Partial<PreparedQuery['Service']> = {}) => ({
  ...PreparedQuery.zero().Service,
  Service: 'db',
  ...given,
});

describe('an execution', () => {
  test('drops critical instances always, and warnings when only passing ones are wanted', () => {
    const w = new World();
    w.instance('a', { status: 'passing' });
    w.instance('b', { status: 'warning' });
    w.instance('c', { status: 'critical' });
    w.query('1', { Name: 'all', Service: service() });
    w.query('2', { Name: 'passing', Service: service({ OnlyPassing: true }) });
    w.query('3', { Name: 'ignoring', Service: service({ IgnoreCheckIDs: ['c'], OnlyPassing: true }) });
    expect(w.nodes('all')).toEqual(['a', 'b']);
    expect(w.nodes('passing')).toEqual(['a']);
    expect(w.nodes('ignoring')).toEqual(['a', 'b', 'c']);
  });

  test('wants every tag, in any case, and none of those behind an exclamation mark', () => {
    const w = new World();
    w.instance('a', { tags: ['Primary'] });
    w.instance('b', { tags: ['primary', 'old'] });
    w.query('1', { Name: 'q', Service: service({ Tags: ['PRIMARY', '!Old'] }) });
    expect(w.nodes('q')).toEqual(['a']);
  });

  test('wants the metadata of nodes and of services', () => {
    const w = new World();
    w.instance('a', { meta: { v: '1' }, nodeMeta: { rack: 'x' } });
    w.instance('b', { meta: { v: '1' } });
    w.instance('c', { nodeMeta: { rack: 'x' } });
    w.query('1', { Name: 'q', Service: service({ NodeMeta: { rack: 'x' }, ServiceMeta: { v: '1' } }) });
    expect(w.nodes('q')).toEqual(['a']);
  });

  test('gives at most as many instances as asked for, the wanted node first', () => {
    const w = new World();
    for (const node of ['a', 'bb', 'ccc']) w.instance(node);
    w.query('1', { Name: 'q', Service: service() });
    expect(w.run('q', { Limit: 2 }).Nodes).toHaveLength(2);
    expect(w.run('q', { near: 'bb' }).Nodes[0]?.Node?.Node).toBe('bb');
    expect(w.run('q', { near: '_ip', ip: '10.0.0.3' }).Nodes[0]?.Node?.Node).toBe('ccc');
  });
});

describe('a name', () => {
  const template = (Type: string) => ({ Type, Regexp: '', RemoveEmptyTags: false });

  test('means the query of that name in any case, else the template with the longest beginning', () => {
    const w = new World();
    const Template = template('name_prefix_match');
    w.query('1', { Name: 'geo-', Template, Service: service({ Service: 'short-${name.suffix}' }) });
    w.query('2', { Name: 'geo-db-', Template, Service: service({ Service: 'long-${name.suffix}' }) });
    w.query('3', { Name: 'geo-db-exact', Service: service({ Service: 'exact' }) });
    w.query('4', { Name: '', Template, Service: service({ Service: 'any-${name.full}' }) });
    const found = (name: string) => resolveQuery(w.store, name, '').Service.Service;
    expect(found('geo-x')).toBe('short-x');
    expect(found('geo-db-x')).toBe('long-x');
    expect(found('GEO-db-exact')).toBe('exact');
    expect(found('other')).toBe('any-other');
  });

  test('that nothing answers to is not found', () => {
    expect(() => new World().run('ghost')).toThrow('Query not found');
  });
});
