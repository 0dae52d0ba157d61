import { describe, expect, test } from 'vitest';
import { FixtureCatalog } from './catalog.fixture.ts';
import { type AskOptions, lines, question, type World, world } from './handler.fixture.ts';
import type { DnsSettings } from './settings.ts';
import { DnsSourceError } from './source.ts';

const TCP: AskOptions = { tcp: true };

function shop(settings: Partial<DnsSettings> = {}): World {
  const w = world({ nodeTtl: 7, serviceTtl: { db: 10, 'my*': 20, 'mysql*': 30, '*': 5 }, ...settings });
  w.catalog.register({ Node: 'agent-one', Address: '127.0.0.1' });
  w.catalog.serverNames = ['agent-one'];
  w.catalog.register({
    Node: 'dn1',
    Address: '10.6.0.1',
    NodeMeta: { k: 'v' },
    Service: { Service: 'db', Tags: ['primary', 'My.Tag'], Port: 5432 },
  });
  w.catalog.register({
    Node: 'dn2',
    Address: '10.6.0.2',
    Service: { Service: 'db', Address: '10.6.9.2', Port: 5433, Weights: { Passing: 7, Warning: 3 } },
  });
  return w;
}

async function answersOf(w: World, name: string, type: string, options?: AskOptions): Promise<string[]> {
  return lines((await w.ask(name, type, options)).answers);
}

async function outcome(w: World, name: string, type: string, options?: AskOptions): Promise<string> {
  const { rcode, answers, authority, additional } = await w.ask(name, type, options);
  return [rcode, answers.length, authority.length, additional.length].join(' ');
}

const NXDOMAIN = '3 0 1 0';
const EMPTY = '0 0 0 0';
const NODATA = '0 0 1 0';

describe('names, as the reference agent reads them', () => {
  test.each([
    ['db.service.dc1.dc.consul', 'A', '0 2 0 0'],
    ['db.service.dc1.peer.consul', 'A', NXDOMAIN],
    ['db.service.dc1.dc.x.peer.consul', 'A', NXDOMAIN],
    ['db.service.default.ns.consul', 'A', NXDOMAIN],
    ['db.service.default.ap.consul', 'A', NXDOMAIN],
    ['_db._udp.service.consul', 'SRV', NXDOMAIN],
    ['_db._PRIMARY.service.consul', 'A', '0 1 0 0'],
    ['_db.service.consul', 'SRV', NXDOMAIN],
    ['_db._my.tag.service.consul', 'SRV', NXDOMAIN],
    ['a._db._tcp.service.consul', 'A', NXDOMAIN],
    ['_db._tcp.dc1.consul', 'SRV', '0 2 0 3'],
    ['_db._tcp.dc1.consul', 'A', NXDOMAIN],
    ['_db._tcp.dc1.dc.consul', 'SRV', '0 2 0 3'],
    ['_db._tcp.nope.consul', 'SRV', NXDOMAIN],
    ['_db.consul', 'SRV', NXDOMAIN],
    ['_db._tcp.node.consul', 'SRV', EMPTY],
    ['_db._tcp.node.consul', 'A', NXDOMAIN],
    ['tcp.db.service.consul', 'A', NXDOMAIN],
    ['db.service.service.consul', 'A', NXDOMAIN],
    ['node.consul', 'A', NXDOMAIN],
    ['addr.consul', 'A', NXDOMAIN],
    ['x.consul', 'TXT', NXDOMAIN],
    ['consul', 'MX', NXDOMAIN],
    ['consul', 'IXFR', NXDOMAIN],
    ['consul', 'AXFR', '4 0 0 0'],
    ['dn1.node.x.peer.consul', 'A', NXDOMAIN],
    ['a.0a060001.addr.consul', 'A', NXDOMAIN],
    ['0a060001.addr.x.y.consul', 'A', '0 1 0 0'],
    ['0a060001.addr.consul', 'MX', '0 0 0 1'],
    ['20010db8000000000000000000000006.addr.consul', 'SRV', '0 0 0 1'],
    ['db.virtual.x.y.z.consul', 'A', NXDOMAIN],
    ['db.virtual.x.peer.consul', 'A', EMPTY],
    ['q.query.nope.consul', 'A', NXDOMAIN],
    ['q.query.dc1.dc.consul', 'A', NXDOMAIN],
    ['ghost.node.consul', 'MX', EMPTY],
    ['ghost.node.consul', 'HTTPS', EMPTY],
    ['ghost.service.consul', 'MX', NXDOMAIN],
    ['db.service.consul', 'CNAME', NODATA],
    ['example.com', 'AXFR', '5 0 0 0'],
    ['xconsul', 'A', '5 0 0 0'],
    ['foo.xconsul', 'A', '5 0 0 0'],
    ['.', 'NS', '5 0 0 0'],
  ])('%s %s: %s', async (name, type, expected) => {
    expect(await outcome(shop(), name, type)).toBe(expected);
  });

  test('the class is not looked at', async () => {
    expect(await outcome(shop(), 'db.service.consul', 'A', { class: 3 })).toBe('0 2 0 0');
  });

  test('names that are not ASCII or have blanks are found', async () => {
    const w = shop();
    w.catalog.register({ Node: 'münchen', Address: '10.0.0.1' });
    w.catalog.register({ Node: 'two words', Address: '10.0.0.2', Service: { Service: 'odd', Port: 1 } });
    expect(await answersOf(w, 'm\\195\\188nchen.node.consul', 'A')).toEqual([
      'm\\195\\188nchen.node.consul. 7 A 10.0.0.1',
    ]);
    expect(await answersOf(w, 'two\\032words.node.consul', 'A')).toHaveLength(1);
    expect(await answersOf(w, 'odd.service.consul', 'SRV')).toEqual([
      'odd.service.consul. 5 SRV 1 1 1 two\\032words.node.dc1.consul.',
    ]);
  });

  test('a node whose name DNS cannot carry is reached by its address', async () => {
    const w = shop();
    w.catalog.register({ Node: 'n'.repeat(64), Address: '10.8.0.13', Service: { Service: 'longn', Port: 1 } });
    expect(await answersOf(w, 'longn.service.consul', 'SRV')).toEqual([
      'longn.service.consul. 5 SRV 1 1 1 0a08000d.addr.dc1.consul.',
    ]);
  });
});

describe('spelling', () => {
  test('the domain of targets is spelled as in the question', async () => {
    const message = await shop().ask('DB.Service.CONSUL', 'SRV');
    expect(lines(message.answers)).toEqual([
      'DB.Service.CONSUL. 10 SRV 1 1 5432 dn1.node.dc1.CONSUL.',
      'DB.Service.CONSUL. 10 SRV 1 7 5433 0a060902.addr.dc1.CONSUL.',
    ]);
    expect(lines(message.additional)).toContain('dn1.node.dc1.CONSUL. 10 A 10.6.0.1');
  });

  test('an addr name comes back in lower case', async () => {
    expect(await answersOf(shop(), '0A060001.addr.CONSUL', 'A')).toEqual(['0a060001.addr.CONSUL. 7 A 10.6.0.1']);
  });

  test('name servers keep the spelling of the zone but not in their own names', async () => {
    const message = await shop().ask('x.CONSUL', 'NS');
    expect(lines(message.answers)).toEqual(['CONSUL. 7 NS agent-one.node.dc1.consul.']);
    expect(lines(message.additional)).toEqual(['agent-one.node.dc1.consul. 7 A 127.0.0.1']);
  });
});

test('domains are in lower case, however they are configured', async () => {
  const w = shop({ domain: 'Corp.Example', altDomain: 'ALT.test' });
  const soa = async (name: string) => (await w.ask(name, 'A')).authority[0]?.name;
  expect([await soa('ghost.service.Corp.Example'), await soa('ghost.service.alt.test')]).toEqual([
    ...['corp.example.', 'alt.test.'],
  ]);
});

describe('the alternative domain', () => {
  const alt = () => shop({ altDomain: 'alt.test' });

  test('is used in targets', async () => {
    expect(await answersOf(alt(), '_db._primary.service.alt.test', 'SRV')).toEqual([
      '_db._primary.service.alt.test. 10 SRV 1 1 5432 dn1.node.dc1.alt.test.',
    ]);
  });

  test.each([
    ['ghost.service.alt.test', 'A', 'alt.test.'],
    ['db.service.alt.test', 'MX', 'alt.test.'],
    ['ghost.service.ALT.test', 'A', 'consul.'],
    ['ghost.service.consul', 'A', 'consul.'],
  ])('SOA beside %s %s is that of %s', async (name, type, owner) => {
    expect((await alt().ask(name, type)).authority[0]?.name).toBe(owner);
  });

  test('a SOA question about the domain itself, or in another spelling, is answered with the first domain', async () => {
    const owner = async (name: string) => (await alt().ask(name, 'SOA')).answers[0]?.name;
    expect([await owner('alt.test'), await owner('db.ALT.test'), await owner('db.service.alt.test')]).toEqual([
      ...['consul.', 'consul.', 'alt.test.'],
    ]);
    const message = await alt().ask('DB.ALT.Test', 'SOA');
    expect(lines(message.authority)).toEqual(['ALT.Test. 7 NS agent-one.node.dc1.alt.test.']);
  });
});

describe('time to live', () => {
  test.each([
    ['db', 10],
    ['myweb', 20],
    ['mysql-main', 30],
    ['other', 5],
  ])('of %s is %d', async (service, ttl) => {
    const w = shop();
    w.catalog.register({ Node: 'x', Address: '10.1.1.1', Service: { Service: service } });
    expect((await w.ask(`${service}.service.consul`, 'A')).answers[0]?.ttl).toBe(ttl);
  });

  test('of a negative answer is the minimum of the SOA', async () => {
    const w = shop({ soa: { refresh: 1, retry: 2, expire: 3, minTtl: 30 } });
    expect(lines((await w.ask('ghost.node.consul', 'A')).authority)).toEqual([
      'consul. 30 SOA ns.consul. hostmaster.consul. 1 2 3 30',
    ]);
  });

  test('the serial is the time', async () => {
    const w = shop();
    const serial = async () => {
      const [record] = (await w.ask('ghost.node.consul', 'A')).authority;
      return record?.kind === 'SOA' ? record.serial : 0;
    };
    const first = await serial();
    expect(first).toBe(1_767_225_600);
    w.clock.advance(2_500);
    expect(await serial()).toBe(first + 2);
  });
});

describe('metadata', () => {
  test('is escaped as RFC 1464 wants', async () => {
    const w = shop();
    w.catalog.register({
      Node: 'odd',
      Address: '10.1.1.1',
      NodeMeta: { ' we=ird` ': 'x=y`z', 'RFC1035-a': 'bare', e: '' },
    });
    expect(await answersOf(w, 'odd.node.consul', 'TXT')).toEqual([
      'odd.node.consul. 7 TXT "` we`=ird``` =x=y``z"',
      'odd.node.consul. 7 TXT "bare"',
      'odd.node.consul. 7 TXT "e="',
    ]);
  });

  test('can be kept out of the additional section, not out of TXT answers', async () => {
    const w = shop({ nodeMetaTxt: false });
    expect(await outcome(w, 'dn1.node.consul', 'A')).toBe('0 1 0 0');
    expect(await outcome(w, 'dn1.node.consul', 'AAAA')).toBe(EMPTY);
    expect(await outcome(w, 'db.service.consul', 'SRV')).toBe('0 2 0 2');
    expect(await outcome(w, 'dn1.node.consul', 'TXT')).toBe('0 1 0 0');
    expect(await outcome(w, 'dn1.node.consul', 'ANY')).toBe('0 2 0 0');
  });
});

describe('addresses', () => {
  test('tagged addresses of the family asked for win', async () => {
    const w = shop();
    w.catalog.register({
      Node: 'tg',
      Address: '10.8.0.6',
      TaggedAddresses: { lan: '10.8.0.7', wan: '10.8.0.8', lan_ipv4: '10.8.0.9', lan_ipv6: '2001:db8::77' },
      Service: { Service: 'tagd', Port: 1, TaggedAddresses: { lan_ipv6: { Address: '2001:db8::78', Port: 12 } } },
    });
    expect(await answersOf(w, 'tg.node.consul', 'A')).toEqual(['tg.node.consul. 7 A 10.8.0.9']);
    expect(await answersOf(w, 'tg.node.consul', 'AAAA')).toEqual(['tg.node.consul. 7 AAAA 2001:db8::77']);
    expect(await answersOf(w, 'tg.node.consul', 'ANY')).toEqual(['tg.node.consul. 7 AAAA 2001:db8::77']);
    expect(await answersOf(w, 'tagd.service.consul', 'A')).toEqual(['tagd.service.consul. 5 A 10.8.0.9']);
    expect(await answersOf(w, 'tagd.service.consul', 'SRV')).toEqual([
      'tagd.service.consul. 5 SRV 1 1 1 20010db8000000000000000000000078.addr.dc1.consul.',
    ]);
  });

  test('an address of its own is a target of its own, even when it is that of the node', async () => {
    const w = shop();
    w.catalog.register({ Node: 'eqn', Address: '10.9.0.1', Service: { Service: 'eqs', Address: '10.9.0.1', Port: 1 } });
    expect(await answersOf(w, 'eqs.service.consul', 'SRV')).toEqual([
      'eqs.service.consul. 5 SRV 1 1 1 0a090001.addr.dc1.consul.',
    ]);
  });

  test('instances with the same address and port on one node are one SRV record, different ports are two', async () => {
    const w = shop();
    for (const [i, port] of [1000, 1001, 1001].entries()) {
      w.catalog.register({ Node: 'sn', Address: '10.8.0.1', Service: { ID: `s${i}`, Service: 'same', Port: port } });
    }
    expect(await outcome(w, 'same.service.consul', 'SRV')).toBe('0 2 0 2');
    expect(await outcome(w, 'same.service.consul', 'A')).toBe('0 1 0 0');
  });

  test('nodes and services of other datacenters answer with their WAN addresses when that is set', async () => {
    const remote = (w: World) => {
      w.catalog.datacenters.add('dc2');
      w.catalog.register({
        Node: 'far',
        Address: '10.0.0.1',
        Datacenter: 'dc2',
        TaggedAddresses: { wan: '198.51.100.1' },
        Service: { Service: 'farsvc', Port: 1 },
      });
      w.catalog.register({
        Node: 'far2',
        Address: '10.0.0.2',
        Datacenter: 'dc2',
        Service: { Service: 'port', Port: 1, TaggedAddresses: { wan: { Address: '198.51.100.2', Port: 99 } } },
      });
      return w;
    };
    const off = remote(shop());
    const on = remote(shop({ translateWanAddrs: true }));
    expect(await answersOf(off, 'far.node.dc2.consul', 'A')).toEqual(['far.node.dc2.consul. 7 A 10.0.0.1']);
    expect(await answersOf(on, 'far.node.dc2.consul', 'A')).toEqual(['far.node.dc2.consul. 7 A 198.51.100.1']);
    expect(await answersOf(off, 'port.service.dc2.consul', 'SRV')).toEqual([
      'port.service.dc2.consul. 5 SRV 1 1 1 far2.node.dc2.consul.',
    ]);
    expect(await answersOf(on, 'port.service.dc2.consul', 'SRV')).toEqual([
      'port.service.dc2.consul. 5 SRV 1 1 99 c6336402.addr.dc2.consul.',
    ]);
  });

  test('imported instances are named by their peer', async () => {
    const w = shop();
    w.catalog.register({ Node: 'pn', Address: '10.3.0.1', Service: { Service: 'imp', Port: 1, PeerName: 'east' } });
    w.catalog.register({
      Node: 'po',
      Address: '10.3.0.2',
      Service: { Service: 'imp', Port: 2, Address: '10.3.9.2', PeerName: 'east' },
    });
    expect(await answersOf(w, 'imp.service.east.peer.consul', 'SRV')).toEqual([
      'imp.service.east.peer.consul. 5 SRV 1 1 1 pn.node.east.peer.consul.',
      'imp.service.east.peer.consul. 5 SRV 1 1 2 0a030902.addr.consul.',
    ]);
  });

  test('the limit of A records holds for every transport and not for SRV', async () => {
    const w = shop({ aRecordLimit: 1 });
    expect(await outcome(w, 'db.service.consul', 'A', TCP)).toBe('0 1 0 0');
    expect(await outcome(w, 'db.service.consul', 'SRV', TCP)).toBe('0 2 0 3');
  });
});

describe('health', () => {
  test('weights follow the worst check; only passing instances when that is set', async () => {
    const register = (w: World) => {
      const Weights = { Passing: 9, Warning: 2 };
      w.catalog.register({
        Node: 'a',
        Address: '10.2.0.1',
        Service: { Service: 's', Port: 1, Weights },
        Check: { Status: 'warning' },
      });
      w.catalog.register({
        Node: 'b',
        Address: '10.2.0.2',
        Service: { Service: 's', Port: 2, Weights },
        Check: { Status: 'passing' },
      });
      w.catalog.register({
        Node: 'c',
        Address: '10.2.0.3',
        Service: { Service: 's', Port: 3, Weights },
        Check: { Status: 'critical' },
      });
      return w;
    };
    expect(await answersOf(register(shop()), 's.service.consul', 'SRV')).toEqual([
      's.service.consul. 5 SRV 1 2 1 a.node.dc1.consul.',
      's.service.consul. 5 SRV 1 9 2 b.node.dc1.consul.',
    ]);
    expect(await answersOf(register(shop({ onlyPassing: true })), 's.service.consul', 'A')).toEqual([
      's.service.consul. 5 A 10.2.0.2',
    ]);
  });
});

describe('host names as addresses', () => {
  test('are followed inside our domain, with the TTL of the service', async () => {
    const w = shop();
    w.catalog.register({ Node: 'cc', Address: 'cc2.node.consul' });
    w.catalog.register({ Node: 'cc2', Address: '10.9.0.3', NodeMeta: { a: '1' } });
    w.catalog.register({
      Node: 'cd',
      Address: '10.9.0.4',
      NodeMeta: { z: '1' },
      Service: { Service: 'chain', Address: 'cc.node.consul', Port: 1 },
    });
    expect(await answersOf(w, 'chain.service.consul', 'A', TCP)).toEqual([
      'cc.node.consul. 5 CNAME cc2.node.consul.',
      'cc2.node.consul. 5 A 10.9.0.3',
      'chain.service.consul. 5 CNAME cc.node.consul.',
    ]);
    const srv = await w.ask('chain.service.consul', 'SRV', TCP);
    expect(lines(srv.answers)).toEqual(['chain.service.consul. 5 SRV 1 1 1 cc.node.consul.']);
    expect(lines(srv.additional)).toEqual([
      'cc.node.consul. 5 CNAME cc2.node.consul.',
      'cc2.node.consul. 5 A 10.9.0.3',
      'cd.node.dc1.consul. 5 TXT "z=1"',
    ]);
    expect(await answersOf(w, 'cc.node.consul', 'ANY', TCP)).toEqual([
      'cc.node.consul. 7 CNAME cc2.node.consul.',
      'cc2.node.consul. 7 A 10.9.0.3',
      'cc2.node.consul. 7 TXT "a=1"',
    ]);
  });

  test('a loop ends after three steps', async () => {
    const w = shop();
    w.catalog.register({ Node: 'loop', Address: 'loop.node.consul' });
    expect(await answersOf(w, 'loop.node.consul', 'A', TCP)).toEqual(
      Array.from({ length: 4 }, () => 'loop.node.consul. 7 CNAME loop.node.consul.'),
    );
  });

  test('an alias answers questions of any type, as the reference agent does', async () => {
    const w = shop();
    w.catalog.register({ Node: 'm1', Address: '1.example.com', Service: { Service: 'mm' } });
    for (const type of ['MX', 'PTR', 'CNAME', 'HTTPS', 'TXT']) {
      expect(await answersOf(w, 'mm.service.consul', type)).toEqual(['mm.service.consul. 5 CNAME 1.example.com.']);
    }
  });

  test('a service that is an alias of itself answers where its node is, if it is asked for in that spelling', async () => {
    const w = world();
    w.catalog.register({
      Node: 'n',
      Address: '10.0.0.1',
      Service: { Service: 'self', Address: 'self.service.consul' },
    });
    expect(await answersOf(w, 'self.service.consul', 'A')).toEqual(['self.service.consul. 0 A 10.0.0.1']);
    expect(await answersOf(w, 'SELF.service.consul', 'A')).toEqual([
      ...['SELF.service.consul. 0 CNAME self.service.consul.', 'self.service.consul. 0 A 10.0.0.1'],
    ]);
    expect(await answersOf(w, 'self.service.consul', 'SRV')).toEqual([
      'self.service.consul. 0 SRV 1 1 0 n.node.dc1.consul.',
    ]);
  });

  test('addresses win over host names', async () => {
    const w = shop();
    w.catalog.register({ Node: 'm1', Address: '1.example.com', Service: { Service: 'mm' } });
    w.catalog.register({ Node: 'm2', Address: '2.example.com', Service: { Service: 'mm' } });
    expect(await answersOf(w, 'mm.service.consul', 'A')).toHaveLength(1);
    w.catalog.register({ Node: 'm3', Address: '10.1.1.9', Service: { Service: 'mm' } });
    expect(await answersOf(w, 'mm.service.consul', 'ANY')).toEqual(['mm.service.consul. 5 A 10.1.1.9']);
    expect((await answersOf(w, 'mm.service.consul', 'AAAA'))[0]).toMatch(/CNAME/);
  });
});

describe('other kinds', () => {
  test('a virtual address has its name in lower case', async () => {
    const w = shop();
    w.catalog.virtualIps.set('web', '240.0.0.1');
    expect(await answersOf(w, 'WEB.Virtual.Consul', 'A')).toEqual(['web.virtual.Consul. 7 A 240.0.0.1']);
  });

  test('a virtual address answers every type', async () => {
    const w = shop();
    w.catalog.virtualIps.set('web', '240.0.0.1');
    for (const type of ['A', 'AAAA', 'SRV', 'MX']) {
      expect(await answersOf(w, 'x.web.virtual.dc1.dc.consul', type)).toEqual([
        'x.web.virtual.dc1.dc.consul. 7 A 240.0.0.1',
      ]);
    }
    expect(await outcome(w, 'web.virtual.dc1.consul', 'A')).toBe(EMPTY);
  });

  test('prepared queries use their TTL, keep their order and narrow the client subnet', async () => {
    const w = shop();
    w.catalog.queries.set('near', { service: 'db', datacenter: 'dc1', ttl: 33, ordered: true, perClient: true });
    w.catalog.queries.set('none', { service: 'ghost', datacenter: 'dc1', ttl: 33, ordered: true, perClient: true });
    const subnet = { code: 8, data: new Uint8Array([0, 1, 24, 0, 10, 1, 2]) };
    for (let round = 0; round < 10; round++) {
      const message = await w.ask('near.query.consul', 'A', { edns: { udpBytes: 1232, options: [subnet] } });
      const nothing = await w.ask('none.query.consul', 'A', { edns: { udpBytes: 1232, options: [subnet] } });
      expect([nothing.rcode, nothing.edns?.options?.[0]?.data[3]]).toEqual([3, 0]);
      expect(message.answers.map((answer) => answer.kind === 'A' && answer.address.join('.'))).toEqual([
        '10.6.0.1',
        '10.6.9.2',
      ]);
      expect(message.answers[0]?.ttl).toBe(33);
      expect(message.edns?.options).toEqual([{ code: 8, data: new Uint8Array([0, 1, 24, 24, 10, 1, 2]) }]);
    }
    expect(w.catalog.lastQuery?.sourceAddress).toBe('10.1.2.0');
    await w.ask('near.query.consul', 'A');
    expect(w.catalog.lastQuery?.sourceAddress).toBe('127.0.0.1');
    expect(await answersOf(w, '_near._tcp.query.consul', 'SRV')).toHaveLength(2);
  });

  test('other answers say that they hold for every subnet', async () => {
    const subnet = { code: 8, data: new Uint8Array([0, 1, 24, 5, 10, 1, 2]) };
    const message = await shop().ask('db.service.consul', 'A', { edns: { udpBytes: 1232, options: [subnet] } });
    expect(message.edns?.options).toEqual([{ code: 8, data: new Uint8Array([0, 1, 24, 0, 10, 1, 2]) }]);
  });

  test('name servers: three of many, none with a name that is no host name', async () => {
    const w = shop();
    for (const name of ['s1', 's2', 's3', 's4', 'bad_name']) w.catalog.register({ Node: name, Address: '10.0.0.1' });
    w.catalog.serverNames = ['s1', 's2', 's3', 's4', 'bad_name'];
    const seen = new Set<string>();
    for (let round = 0; round < 50; round++) {
      const found = await answersOf(w, 'consul', 'NS');
      expect(found).toHaveLength(3);
      for (const text of found) seen.add(text);
      w.clock.advance(2_000);
      expect((await w.ask('consul', 'SOA')).authority).toHaveLength(3);
    }
    expect(seen.size).toBe(4);
  });
});

describe('reverse lookups', () => {
  test('any type under arpa is one', async () => {
    const w = shop();
    for (const type of ['A', 'ANY', 'NS', 'PTR']) {
      expect(await answersOf(w, '1.0.6.10.IN-ADDR.arpa', type)).toEqual([
        '1.0.6.10.IN-ADDR.arpa. 0 PTR dn1.node.dc1.consul.',
      ]);
    }
    expect(await outcome(w, '1.0.6.10.in-addr.arpa', 'SOA')).toBe('0 1 1 0');
    expect(await outcome(w, '9.0.6.10.in-addr.arpa', 'SOA')).toBe('3 0 2 0');
  });

  test('are given however few answers there may be', async () => {
    const w = shop({ udpAnswerLimit: 0 });
    expect(await answersOf(w, '1.0.6.10.in-addr.arpa', 'PTR')).toHaveLength(1);
    expect(await answersOf(w, 'db.service.consul', 'A')).toHaveLength(0);
  });

  test('IPv6 and services', async () => {
    const w = shop();
    w.catalog.register({ Node: 'six', Address: '2001:0DB8::0006' });
    const name = `${'20010db8000000000000000000000006'.split('').reverse().join('.')}.ip6.arpa`;
    expect(await answersOf(w, name, 'PTR')).toEqual([`${name}. 0 PTR six.node.dc1.consul.`]);
    expect(await answersOf(w, '2.9.6.10.in-addr.arpa', 'PTR')).toEqual([
      '2.9.6.10.in-addr.arpa. 0 PTR db.service.dc1.consul.',
    ]);
  });

  test.each([
    'arpa',
    'foo.arpa',
    'in-addr.arpa',
    '0.6.10.in-addr.arpa',
    '1.2.3.4.5.in-addr.arpa',
    '1.0.6.010.in-addr.arpa',
    'x.ip6.arpa',
  ])('%s finds nothing', async (name) => {
    expect(await outcome(shop(), name, 'PTR')).toBe(NXDOMAIN);
  });
});

describe('faults of the source', () => {
  test.each([
    ['UNAVAILABLE', 2],
    ['PERMISSION_DENIED', 3],
    ['NO_DATACENTER', 3],
    ['NOT_FOUND', 3],
  ] as const)('%s becomes rcode %d, and NXDOMAIN for addresses', async (code, rcode) => {
    const w = shop();
    w.catalog.failure = new DnsSourceError(code, 'text');
    for (const name of ['db.service.consul', 'dn1.node.consul']) {
      expect(await w.ask(name, 'A')).toMatchObject({ rcode, authoritative: true });
    }
    expect(await outcome(w, '1.0.6.10.in-addr.arpa', 'PTR')).toBe(NXDOMAIN);
    w.catalog.failure = undefined;
    expect(await outcome(w, 'db.service.consul', 'A')).toBe('0 2 0 0');
  });

  test('a source that breaks is a SERVFAIL', async () => {
    const w = shop();
    w.catalog.service = () => {
      throw new TypeError('broken');
    };
    expect(await outcome(w, 'db.service.consul', 'A')).toBe('2 0 0 0');
  });
});

describe('templates', () => {
  test('the source is read once as long as nothing changes', async () => {
    const w = shop();
    for (let i = 0; i < 5; i++) await w.ask('db.service.consul', 'SRV');
    expect(w.catalog.reads).toBe(1);
    w.catalog.register({ Node: 'dn3', Address: '10.6.0.3', Service: { Service: 'db', Port: 1 } });
    expect(await answersOf(w, 'db.service.consul', 'SRV', TCP)).toHaveLength(3);
    expect(w.catalog.reads).toBe(2);
  });

  test('what is not there is asked again when it comes', async () => {
    const w = shop();
    expect(await outcome(w, 'late.service.consul', 'A')).toBe(NXDOMAIN);
    w.catalog.register({ Node: 'dn3', Address: '10.6.0.3', Service: { Service: 'late' } });
    expect(await outcome(w, 'late.service.consul', 'A')).toBe('0 1 0 0');
  });

  test('a view that is never valid is never kept', async () => {
    const w = shop();
    const inner = new FixtureCatalog();
    inner.register({ Node: 'x', Address: '10.0.0.1', Service: { Service: 'db' } });
    w.catalog.service = async (lookup) => ({ ...(await inner.service(lookup)), valid: false });
    await w.ask('db.service.consul', 'A');
    await w.ask('db.service.consul', 'A');
    expect(inner.reads).toBe(2);
  });

  test('new settings count at once', async () => {
    const w = shop();
    expect((await w.ask('db.service.consul', 'A')).answers[0]?.ttl).toBe(10);
    w.handler.reload({ ...w.handler.settings, serviceTtl: {}, aRecordLimit: 1 });
    const { answers } = await w.ask('db.service.consul', 'A');
    expect(answers.map(({ ttl }) => ttl)).toEqual([0]);
  });

  test('a question with a token of its own is not mixed with others', async () => {
    const w = shop();
    await w.ask('db.service.consul', 'A');
    const tokens: (string | undefined)[] = [];
    const original = w.catalog.service.bind(w.catalog);
    w.catalog.service = (lookup) => {
      tokens.push(lookup.token);
      return original(lookup);
    };
    await w.handler.handle(question('db.service.consul', 'A'), { host: '::1', port: 1 }, 'udp', 'secret');
    expect(tokens).toEqual(['secret']);
  });
});
