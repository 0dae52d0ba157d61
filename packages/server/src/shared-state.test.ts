import {
  type Caller,
  ConfigEntryMethods,
  FederationState,
  Intentions,
  PreparedQueryMethods,
  READ_NOW,
  type View,
} from '@proconsul/endpoints';
import {
  FederationStateRequest,
  PreparedQuery,
  PreparedQueryRequest,
  readConfigEntry,
  FederationState as State,
} from '@proconsul/schema';
import { describe, expect, test } from 'vitest';
import { oneServer } from './testing/one-server.ts';

const who = { Datacenter: '', Token: '' };

describe('intentions', () => {
  const list = (server: Caller, Filter = '', Legacy = false) => {
    let found: View<{ readonly DataOrigin: string; readonly Intentions: readonly unknown[] }> | null = null;
    server.read(Intentions.List, { ...who, Filter, Legacy }, READ_NOW, (error, view) => {
      if (error !== null) throw error;
      found = view;
    });
    return (found as View<{ DataOrigin: string; Intentions: readonly { [field: string]: unknown }[] }> | null)?.value;
  };
  const world = async () => {
    const { server } = oneServer();
    const put = (body: Record<string, unknown>) =>
      server.write(ConfigEntryMethods.Apply, {
        ...who,
        Op: 'upsert',
        Entry: readConfigEntry({ Kind: 'service-intentions', ...body } as never),
      });
    const Meta = { a: 'b' };
    const api = { Name: 'api', Action: 'allow' };
    const everybody = { Name: '*', Action: 'deny' };
    await put({ Name: 'web', Meta, Sources: [{ ...api, Description: 'd' }, everybody] });
    await put({ Name: 'db', Sources: [{ Name: 'web', Action: 'allow' }, api] });
    await put({ Name: '*', Sources: [everybody, api] });
    return server;
  };

  test('are listed by precedence, then by the names of source and destination', async () => {
    const { DataOrigin, Intentions: found } = list(await world())!;
    expect(DataOrigin).toBe('config');
    expect(found.map((i) => [i['SourceName'], i['DestinationName'], i['Action'], i['Precedence']])).toEqual([
      ['api', 'db', 'allow', 9],
      ['api', 'web', 'allow', 9],
      ['web', 'db', 'allow', 9],
      ['*', 'web', 'deny', 8],
      ['api', '*', 'allow', 6],
      ['*', '*', 'deny', 5],
    ]);
    expect(found[1]).toMatchObject({ Description: 'd', Meta: { a: 'b' }, SourceType: 'consul', SourceNS: 'default' });
  });

  test('can be filtered; those of old versions are not there', async () => {
    const server = await world();
    expect(list(server, 'SourceName == "web"')?.Intentions).toHaveLength(1);
    expect(list(server, '', true)).toEqual({ DataOrigin: 'legacy', Intentions: [] });
  });
});

describe('federation states', () => {
  const request = (Op: string, Datacenter: string) =>
    FederationStateRequest.make({ Op, State: State.make({ Datacenter }) });
  const states = (server: ReturnType<typeof oneServer>['server']) =>
    server.peek(FederationState.List, who)?.value.map((s) => s.Datacenter);

  test('are written, deleted and refused as by the reference', async () => {
    const { server } = oneServer();
    expect(await server.write(FederationState.Apply, request('upsert', 'dc2'))).toBe(true);
    expect(states(server)).toEqual(['dc2']);
    expect(await server.write(FederationState.Apply, request('delete', 'dc2'))).toBe(false);
    expect(states(server)).toEqual([]);
    const none = FederationStateRequest.make({ Op: 'upsert' });
    const missing = 'invalid request: missing federation state datacenter';
    await expect(server.write(FederationState.Apply, none)).rejects.toThrow(missing);
    await expect(server.write(FederationState.Apply, request('upsert', ''))).rejects.toThrow(missing);
    await expect(server.write(FederationState.Apply, request('bad', 'dc2'))).rejects.toThrow(
      'Invalid federation state operation: bad',
    );
  });

  test('are written in the primary datacenter, whichever is asked', async () => {
    const primary = oneServer();
    const second = oneServer({ datacenter: 'dc2', primaryDatacenter: 'dc1', callers: { dc1: primary.server } });
    expect(await second.server.write(FederationState.Apply, request('upsert', 'dc2'))).toBe(true);
    expect([states(primary.server), states(second.server)]).toEqual([['dc2'], []]);
  });
});

test('a primary datacenter keeps its config entries, wherever they are sent; others send them where they were told', async () => {
  const primary = oneServer({ primaryDatacenter: 'dc1' });
  const second = oneServer({ datacenter: 'dc2', primaryDatacenter: 'dc1', callers: { dc1: primary.server } });
  const Entry = readConfigEntry({ Kind: 'service-defaults', Name: 'web' } as never);
  const put = (server: Caller, Datacenter: string) =>
    server.write(ConfigEntryMethods.Apply, { ...who, Datacenter, Op: 'upsert', Entry });
  expect(await put(primary.server, 'dc9')).toBe(true);
  expect(await put(second.server, 'dc1')).toBe(true);
  await expect(put(second.server, 'dc9')).rejects.toThrow('No path to datacenter');
});

test('of a template that cannot be and a name that is taken, the name is told', async () => {
  const { server } = oneServer();
  const put = (Name: string, Type: string) => {
    const Query = PreparedQuery.make({
      Name,
      Service: { ...PreparedQuery.zero().Service, Service: 'web' },
      Template: { ...PreparedQuery.zero().Template, Type },
    });
    return server.write(PreparedQueryMethods.Apply, PreparedQueryRequest.make({ Op: 'create', Query }));
  };
  await put('q', '');
  await expect(put('q', 'odd')).rejects.toThrow("raft apply failed: name 'q' aliases an existing query name");
  await expect(put('p', 'odd')).rejects.toThrow(
    "raft apply failed: failed compiling template: Bad Template.Type 'odd'",
  );
});

test('a gateway that lets anything out as it is holds no service to a protocol, but is held to theirs', async () => {
  const { server } = oneServer();
  const put = (entry: Record<string, unknown>) =>
    server.write(ConfigEntryMethods.Apply, { ...who, Op: 'upsert', Entry: readConfigEntry(entry as never) });
  const gateway = (Name: string, Protocol: string) =>
    put({ Kind: 'ingress-gateway', Name, Listeners: [{ Port: 80, Protocol, Services: [{ Name: 'web' }] }] });
  const service = (Protocol: string) => put({ Kind: 'service-defaults', Name: 'web', Protocol });
  expect(await gateway('one', 'tcp')).toBe(true);
  expect(await service('http')).toBe(true);
  await expect(gateway('two', 'tcp')).rejects.toThrow('does not match defined listener protocol "tcp"');
  expect(await gateway('two', 'http')).toBe(true);
  await expect(service('tcp')).rejects.toThrow('does not match defined listener protocol "http"');
});
