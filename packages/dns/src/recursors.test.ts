import type { Datagrams, DialOptions, Endpoint, Listener, Network, Stream } from '@proconsul/base';
import { decodeMessage, encodeMessage, type Message, Rcode, type ResourceRecord } from '@proconsul/dns-wire';
import { describe, expect, test } from 'vitest';
import { lines, question, type World, world } from './handler.fixture.ts';
import { parseRecursor, RECURSIONS_MAX } from './recursors.ts';
import type { DnsSettings } from './settings.ts';
import { FrameReader, frame } from './tcp-frames.ts';

type Behaviour = (query: Message, transport: 'udp' | 'tcp') => Uint8Array | undefined;

/** A network on which name servers answer at once, or never. */
class ServerNetwork implements Network {
  readonly servers = new Map<string, Behaviour>();
  readonly asked: string[] = [];
  /** Datagrams from elsewhere that arrive before the reply. */
  forged: ((query: Message) => { bytes: Uint8Array; from: Endpoint })[] = [];
  openSockets = 0;

  listen(): Promise<Listener> {
    return Promise.reject(new Error('not here'));
  }

  async bindUdp(_: Endpoint, onDatagram: (bytes: Uint8Array, from: Endpoint) => void): Promise<Datagrams> {
    this.openSockets++;
    return {
      local: { host: '0.0.0.0', port: 40_000 },
      send: (bytes, to) => {
        const query = decodeMessage(bytes);
        this.asked.push(`udp ${to.host}:${to.port} ${query.questions[0]!.name}`);
        for (const forge of this.forged) {
          const { bytes: fake, from } = forge(query);
          onDatagram(fake, from);
        }
        const reply = this.servers.get(`${to.host}:${to.port}`)?.(query, 'udp');
        if (reply !== undefined) onDatagram(reply, to);
      },
      close: async () => {
        this.openSockets--;
      },
    };
  }

  async dial({ host, port }: DialOptions): Promise<Stream> {
    const behaviour = this.servers.get(`${host}:${port}`);
    if (behaviour === undefined) throw new Error('connection refused');
    const frames = new FrameReader();
    let deliver: (bytes: Uint8Array) => void = () => {};
    const nothing = () => {};
    return {
      remote: { host, port },
      local: { host: '127.0.0.1', port: 40_000 },
      onData: (fn) => {
        deliver = fn;
      },
      onEnd: nothing,
      onClose: nothing,
      onDrain: nothing,
      pause: nothing,
      resume: nothing,
      end: nothing,
      destroy: nothing,
      write: (bytes) => {
        for (const message of frames.push(bytes)) {
          const query = decodeMessage(message);
          this.asked.push(`tcp ${host}:${port} ${query.questions[0]!.name}`);
          const reply = behaviour(query, 'tcp');
          // In two pieces, as TCP may deliver it.
          if (reply !== undefined) {
            deliver(frame(reply).subarray(0, 1));
            deliver(frame(reply).subarray(1));
          }
        }
        return true;
      },
    };
  }
}

const A = new Uint8Array([1, 2, 3, 4]);

function replyTo(query: Message, rcode: number, records: readonly ResourceRecord[] = []): Uint8Array {
  return encodeMessage({ ...query, response: true, recursionAvailable: true, rcode, answers: records, additional: [] });
}

const good: Behaviour = (query) =>
  replyTo(query, Rcode.NOERROR, [{ name: query.questions[0]!.name, ttl: 60, kind: 'A', address: A }]);
const failing: Behaviour = (query) => replyTo(query, Rcode.SERVFAIL);
const silent: Behaviour = () => undefined;

function setup(
  servers: Record<string, Behaviour>,
  settings: Partial<DnsSettings> = {},
): { w: World; network: ServerNetwork } {
  const network = new ServerNetwork();
  for (const [address, behaviour] of Object.entries(servers)) network.servers.set(address, behaviour);
  const w = world(
    { recursors: Object.keys(servers), recursorTimeoutMs: 300, nodeTtl: 7, serviceTtl: { '*': 5 }, ...settings },
    { network },
  );
  return { w, network };
}

/** Lets what is under way come to rest, then moves the clock. */
async function pass(w: World, ms: number): Promise<void> {
  for (let i = 0; i < 50; i++) await Promise.resolve();
  w.clock.advance(ms);
  for (let i = 0; i < 50; i++) await Promise.resolve();
}

describe('names outside the domain', () => {
  test('are answered by the recursor, as it answers', async () => {
    const { w, network } = setup({ '192.0.2.1:53': good });
    const message = await w.ask('Example.com', 'A');
    expect(message).toMatchObject({ id: 0x1234, rcode: 0, authoritative: false, recursionAvailable: true });
    expect(lines(message.answers)).toEqual(['Example.com. 60 A 1.2.3.4']);
    expect(network.asked).toEqual(['udp 192.0.2.1:53 Example.com.']);
    expect(network.openSockets).toBe(0);
  });

  test('go over TCP when the question came over TCP', async () => {
    const { w, network } = setup({ '192.0.2.1:53': good });
    expect((await w.ask('example.com', 'A', { tcp: true })).answers).toHaveLength(1);
    expect(network.asked).toEqual(['tcp 192.0.2.1:53 example.com.']);
  });

  test('NXDOMAIN is an answer', async () => {
    const { w, network } = setup({ '192.0.2.1:53': (query) => replyTo(query, Rcode.NXDOMAIN), '192.0.2.2:53': good });
    expect((await w.ask('nx.example.com', 'A')).rcode).toBe(Rcode.NXDOMAIN);
    expect(network.asked).toHaveLength(1);
  });

  test.each([
    ['SERVFAIL', Rcode.SERVFAIL],
    ['REFUSED', Rcode.REFUSED],
    ['NOTIMP', Rcode.NOTIMP],
  ])('%s moves on to the next recursor', async (_, rcode) => {
    const { w, network } = setup({ '192.0.2.1:53': (query) => replyTo(query, rcode), '192.0.2.2:5353': good });
    expect((await w.ask('example.com', 'A')).answers).toHaveLength(1);
    expect(network.asked.map((text) => text.split(' ')[1])).toEqual(['192.0.2.1:53', '192.0.2.2:5353']);
  });

  test('silence moves on after the timeout', async () => {
    const { w, network } = setup({ '192.0.2.1:53': silent, '192.0.2.2:53': good });
    const reply = w.ask('example.com', 'A');
    await pass(w, 299);
    expect(network.asked).toHaveLength(1);
    await pass(w, 1);
    expect((await reply).answers).toHaveLength(1);
    expect(network.openSockets).toBe(0);
  });

  test('when all fail the answer is SERVFAIL with RA, and EDNS if the question had it', async () => {
    const { w } = setup({ '192.0.2.1:53': failing, '192.0.2.2:53': failing });
    const message = await w.ask('example.com', 'A', { edns: { udpBytes: 1232 } });
    expect(message).toMatchObject({
      rcode: 2,
      authoritative: false,
      recursionAvailable: true,
      edns: { udpBytes: 1232 },
    });
    expect((await w.ask('example.com', 'A', { tcp: true })).rcode).toBe(2);
  });

  test('a connection that is refused moves on', async () => {
    const { w } = setup({ '192.0.2.2:53': good }, { recursors: ['192.0.2.1', '192.0.2.2'] });
    expect((await w.ask('example.com', 'A', { tcp: true })).answers).toHaveLength(1);
  });

  test('forged replies are not taken', async () => {
    const { w, network } = setup({ '192.0.2.1:53': good });
    const evil = (query: Message) => replyTo(query, Rcode.NXDOMAIN);
    const server = { host: '192.0.2.1', port: 53 };
    network.forged = [
      (query) => ({ bytes: evil(query), from: { host: '203.0.113.9', port: 53 } }),
      (query) => ({ bytes: evil(query), from: { host: '192.0.2.1', port: 54 } }),
      (query) => ({ bytes: evil({ ...query, id: query.id ^ 1 }), from: server }),
      (query) => ({ bytes: evil({ ...query, questions: [{ name: 'other.com.', type: 1, class: 1 }] }), from: server }),
      () => ({ bytes: new Uint8Array(5), from: server }),
      (query) => ({ bytes: encodeMessage(query), from: server }),
    ];
    expect((await w.ask('example.com', 'A')).rcode).toBe(Rcode.NOERROR);
  });

  test('the random strategy asks each first now and then', async () => {
    const { w, network } = setup({ '192.0.2.1:53': good, '192.0.2.2:53': good }, { recursorStrategy: 'random' });
    for (let i = 0; i < 30; i++) await w.ask('example.com', 'A');
    expect(new Set(network.asked).size).toBe(2);
  });

  test('the agent does not ask itself', async () => {
    const { w, network } = setup({ '127.0.0.1:8600': good, '192.0.2.1:53': good });
    w.recursors.setOwnAddresses([{ host: '127.0.0.1', port: 8600 }]);
    await w.ask('example.com', 'A');
    expect(network.asked).toEqual(['udp 192.0.2.1:53 example.com.']);
  });

  test('questions under way have a bound', async () => {
    const { w } = setup({ '192.0.2.1:53': silent });
    const waiting = Array.from({ length: RECURSIONS_MAX }, () => w.ask('example.com', 'A'));
    await pass(w, 0);
    expect((await w.ask('example.com', 'A')).rcode).toBe(Rcode.SERVFAIL);
    await pass(w, 300);
    expect((await Promise.all(waiting)).every(({ rcode }) => rcode === Rcode.SERVFAIL)).toBe(true);
  });
});

describe('our own names with recursors', () => {
  test('set RA, and are never sent on', async () => {
    const { w, network } = setup({ '192.0.2.1:53': good });
    expect(await w.ask('ghost.node.consul', 'A')).toMatchObject({
      rcode: 3,
      authoritative: true,
      recursionAvailable: true,
    });
    expect(network.asked).toEqual([]);
  });

  test('a question that ends within itself is sent on whole', async () => {
    const { w, network } = setup({ '192.0.2.1:53': good });
    const asked = question('example.com', 'A');
    const reply = await w.askRaw(asked.subarray(0, asked.length - 4));
    expect(reply && decodeMessage(reply).questions).toEqual([{ name: 'example.com.', type: 0, class: 0 }]);
    expect(network.asked).toEqual(['udp 192.0.2.1:53 example.com.']);
  });

  test('a reverse lookup that finds nothing is sent on', async () => {
    const { w, network } = setup({ '192.0.2.1:53': good });
    w.catalog.register({ Node: 'n', Address: '10.0.0.1' });
    await w.ask('1.0.0.10.in-addr.arpa', 'PTR');
    expect(network.asked).toEqual([]);
    await w.ask('2.0.0.10.in-addr.arpa', 'PTR');
    expect(network.asked).toEqual(['udp 192.0.2.1:53 2.0.0.10.in-addr.arpa.']);
  });

  const many: Behaviour = (query) =>
    replyTo(
      query,
      Rcode.NOERROR,
      Array.from({ length: 9 }, (_, i) => ({
        name: query.questions[0]!.name,
        ttl: 60,
        kind: 'A',
        address: new Uint8Array([1, 2, 3, i]),
      })),
    );

  test('host names outside are looked up: five records for services without EDNS, all for nodes', async () => {
    const { w, network } = setup({ '192.0.2.1:53': many });
    w.catalog.register({
      Node: 'dnc',
      Address: 'multi.example.com',
      NodeMeta: { a: 'b' },
      Service: { Service: 'cn', Port: 7 },
    });
    const count = async (name: string, type: string, options = {}) => {
      const { answers, additional } = await w.ask(name, type, options);
      return [answers.length, additional.length, answers[1]?.ttl];
    };
    expect(await count('dnc.node.consul', 'A', { tcp: true })).toEqual([10, 1, 60]);
    expect(await count('cn.service.consul', 'A', { tcp: true })).toEqual([6, 0, 5]);
    expect(await count('cn.service.consul', 'A', { edns: { udpBytes: 1232 } })).toEqual([10, 0, 5]);
    expect(await count('cn.service.consul', 'A')).toEqual([3, 0, 5]);
    expect(await count('cn.service.consul', 'SRV')).toEqual([1, 6, undefined]);
    expect(await count('cn.service.consul', 'SRV', { edns: { udpBytes: 1232 } })).toEqual([1, 10, undefined]);
    expect(network.asked.every((text) => text === 'udp 192.0.2.1:53 multi.example.com.')).toBe(true);
  });

  test('a host name that the recursors do not know leaves the CNAME alone', async () => {
    const { w } = setup({ '192.0.2.1:53': (query) => replyTo(query, Rcode.NXDOMAIN) });
    w.catalog.register({ Node: 'dnx', Address: 'nx.example.com' });
    expect(lines((await w.ask('dnx.node.consul', 'A')).answers)).toEqual(['dnx.node.consul. 7 CNAME nx.example.com.']);
  });
});

test.each([
  ['192.0.2.1', '192.0.2.1', 53],
  ['192.0.2.1:5353', '192.0.2.1', 5353],
  ['[2001:db8::1]:5353', '2001:db8::1', 5353],
  ['[2001:db8::1]', '2001:db8::1', 53],
  ['2001:db8::1', '2001:db8::1', 53],
])('recursor %s', (text, host, port) => {
  expect(parseRecursor(text)).toEqual({ host, port });
});

test.each(['', 'example.com', '192.0.2.1:0', '192.0.2.1:70000', '192.0.2.1:x', '[::1'])('%s is no recursor', (text) => {
  expect(parseRecursor(text)).toBeUndefined();
});

test('a query is not changed by being forwarded', async () => {
  const { w } = setup({ '192.0.2.1:53': good });
  const bytes = question('example.com', 'A');
  const before = bytes.slice();
  await w.askRaw(bytes);
  expect(bytes).toEqual(before);
});
