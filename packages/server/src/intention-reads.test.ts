import { Catalog, ConfigEntryMethods, Intentions } from '@proconsul/endpoints';
import { NodeService, RegisterRequest } from '@proconsul/schema';
import { beforeAll, describe, expect, test } from 'vitest';
import { readOnce } from './read-once.ts';
import { oneServer } from './testing/one-server.ts';

// The expectations are answers of the reference to the same questions about the same entries.

const { server } = oneServer();
const common = { Datacenter: '', Token: '' };

beforeAll(async () => {
  const put = (entry: { readonly Kind: string; readonly Name: string; readonly [field: string]: unknown }) => {
    const Entry = { ...entry, CreateIndex: 0, ModifyIndex: 0 };
    return server.write(ConfigEntryMethods.Apply, { ...common, Op: 'upsert', Entry });
  };
  const deny = { Name: '*', Action: 'deny' };
  await put({ Kind: 'service-intentions', Name: 'web', Sources: [deny, { Name: 'a', Action: 'allow' }] });
  await put({ Kind: 'service-intentions', Name: '*', Sources: [{ Name: 'a', Action: 'deny' }] });
  await put({ Kind: 'service-defaults', Name: 'l7', Protocol: 'http' });
  const Permissions = [{ Action: 'allow', HTTP: { PathPrefix: '/x' } }];
  const upper = { Name: 'Upper', Action: 'allow' };
  await put({ Kind: 'service-intentions', Name: 'l7', Sources: [{ Name: 'b', Permissions }, upper] });
  for (const name of ['zeta', 'Alpha']) {
    const Service = NodeService.make({ ID: name, Service: name });
    await server.write(Catalog.Register, RegisterRequest.make({ Node: 'x', Address: '1.1.1.1', Service }));
  }
});

describe('intentions that apply', () => {
  const match = async (Type: string, ...Names: string[]) =>
    (await readOnce(server, Intentions.Match, { ...common, Type, Names })).map((found) =>
      found.map((one) => `${one.SourceName} ${one.DestinationName}`),
    );

  test('to a destination: its own before those to all, the most precise first', async () => {
    expect(await match('destination', 'web', 'WEB', 'nope')).toEqual([
      ['a web', '* web', 'a *'],
      ['a web', '* web', 'a *'],
      ['a *'],
    ]);
    expect(await match('destination', '*')).toEqual([['a *']]);
  });

  test('to a source, whose name is compared as it is written', async () => {
    expect(await match('source', 'a', 'upper', 'Upper')).toEqual([
      ['a web', '* web', 'a *'],
      ['* web'],
      ['Upper l7', '* web'],
    ]);
  });

  test('need a side to match, unless nothing is asked for', async () => {
    await expect(match('other', 'web')).rejects.toThrow('invalid intention match type: other');
    expect(await match('other')).toEqual([]);
  });
});

describe('one intention', () => {
  const get = async (IntentionID: string, pair?: readonly [string, string]) => {
    const Exact = pair === undefined ? null : { SourceName: pair[0], DestinationName: pair[1] };
    return await readOnce(server, Intentions.Get, { ...common, IntentionID, Exact });
  };

  test('is found by both sides', async () => {
    expect(await get('', ['*', 'web'])).toMatchObject([{ SourceName: '*', DestinationName: 'web', Precedence: 8 }]);
    await expect(get('', ['b', 'web'])).rejects.toThrow('Intention not found');
    await expect(get('', ['', ''])).rejects.toThrow(
      '2 errors occurred:\n\t* SourceName is missing\n\t* DestinationName is missing\n\n',
    );
  });

  test('is not found by an id that none has', async () => {
    await expect(get('aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee')).rejects.toThrow('Intention not found');
    await expect(get('short')).rejects.toThrow('UUID must be 36 characters');
    await expect(get('')).rejects.toThrow('Intention not found');
  });
});

describe('a connection', () => {
  const check = (SourceName: string, DestinationName: string, on = server, SourceType = 'consul') =>
    readOnce(on, Intentions.Check, { ...common, SourceName, DestinationName, SourceType });

  test('is decided by the most precise intention, and allowed where there is none', async () => {
    expect(await check('a', 'web')).toBe(true);
    expect(await check('b', 'web')).toBe(false);
    expect(await check('a', 'x')).toBe(false);
    expect(await check('z', 'x')).toBe(true);
    expect(await check('Upper', 'l7')).toBe(true);
  });

  test('is not allowed as a whole where requests are decided one by one', async () => {
    expect(await check('b', 'l7')).toBe(false);
  });

  test('needs a kind of source that is known', async () => {
    await expect(check('a', 'web', server, '')).rejects.toThrow('unsupported SourceType: ""');
  });

  test('is refused where there is no intention and the settings say so', async () => {
    expect(await check('z', 'x', oneServer({ allowWithoutIntention: false }).server)).toBe(false);
  });
});

test('services are listed by name alone', async () => {
  expect(await readOnce(server, Catalog.ServiceList, common)).toEqual([{ Name: 'Alpha' }, { Name: 'zeta' }]);
});
