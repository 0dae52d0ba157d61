import { type Endpoint, type Gzip, type Stream, silentLog } from '@proconsul/base';
import { ManualClock, settle } from '@proconsul/base/testing';
import { hardCases } from '@proconsul/http1/hard-cases';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { FrontExchange } from './front-exchange.ts';
import { type FrontHandler, HttpFront } from './http-front.ts';
import { type FrontOptions, PIPELINE_BYTES_MAX, TOO_MANY_CONNECTIONS } from './options.ts';
import { SharedAnswer } from './shared-answer.ts';

/** The client's end of a connection, in memory. */
class FakeStream implements Stream {
  readonly remote: Endpoint;
  readonly local: Endpoint = { host: '127.0.0.1', port: 8500 };
  readonly writes: string[] = [];
  room = true;
  paused = false;
  state: 'open' | 'ended' | 'closed' = 'open';
  #data: (bytes: Uint8Array) => void = () => undefined;
  #end = () => {};
  #close: (error?: Error) => void = () => undefined;
  #drain = () => {};
  constructor(host = '10.0.0.1') {
    this.remote = { host, port: 1234 };
  }
  onData(fn: (bytes: Uint8Array) => void): void {
    this.#data = fn;
  }
  onEnd(fn: () => void): void {
    this.#end = fn;
  }
  onClose(fn: (error?: Error) => void): void {
    this.#close = fn;
  }
  onDrain(fn: () => void): void {
    this.#drain = fn;
  }
  write(bytes: Uint8Array): boolean {
    this.writes.push(Buffer.from(bytes).toString('latin1'));
    return this.room;
  }
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
  }
  end(): void {
    if (this.state === 'open') this.state = 'ended';
  }
  destroy(): void {
    if (this.state === 'closed') return;
    this.state = 'closed';
    this.#close();
  }
  // What the client does.
  send = (text: string) => this.#data(Buffer.from(text, 'latin1'));
  finish = () => this.#end();
  drain(): void {
    this.room = true;
    this.#drain();
  }
  take(): string {
    return this.writes
      .splice(0)
      .join('')
      .replace(/Date: [^\r]*\r\n/g, '');
  }
}

const fakeGzip: Gzip = {
  compressSync: (bytes) => Buffer.from(`<${bytes.length}>`),
  compress: async (bytes) => Buffer.from(`<${bytes.length}>`),
  stream: (onData) => ({
    write: (bytes) => onData(Buffer.from(`<${bytes.length}>`)),
    end: (done) => {
      onData(Buffer.from('<end>'));
      done();
    },
    destroy: () => undefined,
  }),
};

function start(handler: FrontHandler, options: Partial<FrontOptions> = {}) {
  const clock = new ManualClock();
  const front = new HttpFront(options, { clock, log: silentLog, gzip: fakeGzip }, handler);
  const connect = (host?: string): FakeStream => {
    const stream = new FakeStream(host);
    front.accept(stream);
    return stream;
  };
  return { clock, front, connect };
}

const GET = (path: string, ...lines: string[]) =>
  `GET ${path} HTTP/1.1\r\nHost: h\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;
const answer = (body: string, extra = '') => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n${extra}\r\n${body}`;
const CLOSE = 'Connection: close\r\n';
const echoTarget: FrontHandler = (req, res) => res.send(200, [], req.target);
const echoBody: FrontHandler = (req, res) => req.readBody(100, (error, body) => res.send(200, [], error ?? body));

describe('one connection', () => {
  test('answers requests that come together in one write and in order', () => {
    const { connect } = start(echoTarget);
    const stream = connect();
    stream.send(GET('/a') + GET('/b') + GET('/c').slice(0, 10));
    expect(stream.writes).toHaveLength(1);
    expect(stream.take()).toBe(answer('/a') + answer('/b'));
    stream.send(GET('/c').slice(10));
    expect(stream.take()).toBe(answer('/c'));
    expect(stream.state).toBe('open');
  });

  test('keeps later requests waiting while one is answered', () => {
    const waiting: FrontExchange[] = [];
    const { connect } = start((req) => void waiting.push(req));
    const stream = connect();
    stream.send(GET('/a') + GET('/b'));
    expect(waiting.map(({ target }) => target)).toEqual(['/a']);
    waiting[0]?.send(200, [], 'one');
    expect(stream.take()).toBe(answer('one'));
    expect(waiting.map(({ target }) => target)).toEqual(['/a', '/b']);
    waiting[1]?.sendRaw(Buffer.from(answer('two')));
    expect(stream.take()).toBe(answer('two'));
  });

  test('stops reading from a client that sends ahead without end, and reads on after the answer', () => {
    let waiting: FrontExchange | undefined;
    const { connect } = start((req) => {
      waiting = req;
    });
    const stream = connect();
    stream.send(GET('/a') + GET('/'.padEnd(PIPELINE_BYTES_MAX + 1, 'x')));
    expect(stream.paused).toBe(true);
    waiting?.send(200, [], '');
    expect(stream.paused).toBe(false);
  });

  test('stops answering a client that does not read, until it does', () => {
    const { connect } = start(echoTarget);
    const stream = connect();
    stream.room = false;
    stream.send(GET('/a'));
    stream.send(GET('/b'));
    expect(stream.take()).toBe(answer('/a'));
    stream.drain();
    expect(stream.take()).toBe(answer('/b'));
  });

  test('closes after Connection: close and HTTP/1.0, and says so', () => {
    const { connect } = start(echoTarget);
    const one = connect();
    one.send(GET('/a', 'Connection: close') + GET('/never'));
    expect(one.take()).toBe(answer('/a', CLOSE));
    expect(one.state).toBe('ended');
    one.send(GET('/never'));
    expect(one.take()).toBe('');
    const old = connect();
    old.send('GET /a HTTP/1.0\r\n\r\n');
    expect(old.take()).toBe(answer('/a').replace('1.1', '1.0'));
    expect(old.state).toBe('ended');
    const kept = connect();
    kept.send('GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n');
    expect(kept.take()).toContain('Connection: keep-alive\r\n');
    expect(kept.state).toBe('open');
  });

  test('finished raw answers are fitted to the request', () => {
    const { connect } = start((_req, res) => res.sendRaw(Buffer.from(answer('raw'))));
    const stream = connect();
    stream.send(GET('/a').replace('GET', 'HEAD') + GET('/a', 'Connection: close'));
    expect(stream.take()).toBe(answer('raw').slice(0, -3) + answer('raw', CLOSE));
  });

  test('OPTIONS * and CONNECT do not reach the handler', () => {
    const { connect } = start(() => expect.unreachable());
    const stream = connect();
    stream.send('OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\nCONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n');
    expect(stream.take()).toMatch(/^HTTP\/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP\/1.1 404 Not Found\r\n/);
  });

  test('a handler that throws is a 500, and the next request is fine', () => {
    const { connect } = start((req, res) => {
      if (req.target === '/bad') throw new Error('no');
      echoTarget(req, res);
    });
    const stream = connect();
    stream.send(GET('/bad') + GET('/good'));
    expect(stream.take()).toMatch(/^HTTP\/1.1 500 [\s\S]*\r\n\r\nHTTP\/1.1 200 OK[\s\S]*\/good$/);
  });

  test('a second answer is ignored', () => {
    const { connect } = start((_req, res) => {
      res.send(200, [], 'first');
      res.send(200, [], 'second');
      res.sendRaw(Buffer.from('third'));
    });
    const stream = connect();
    stream.send(GET('/'));
    expect(stream.take()).toBe(answer('first'));
  });
});

describe('bodies', () => {
  const PUT = (body: string, ...lines: string[]) =>
    `PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: ${body.length}\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n${body}`;
  const chunked = (body: string) => `PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n${body}`;

  test('are collected however they come', () => {
    const { connect } = start(echoBody);
    const stream = connect();
    stream.send(PUT('hello') + chunked('3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n'));
    expect(stream.take()).toBe(answer('hello') + answer('abcde'));
    for (const byte of PUT('slowly')) stream.send(byte);
    expect(stream.take()).toBe(answer('slowly'));
    stream.send(GET('/none') + PUT(''));
    expect(stream.take()).toBe(answer('') + answer(''));
  });

  test('beyond the limit are reported, by length before a byte is read', () => {
    const { connect } = start(echoBody);
    const small = connect();
    small.send(PUT('x'.repeat(101)) + GET('/next'));
    expect(small.take()).toBe(answer('too large') + answer(''));
    const huge = connect();
    huge.send('PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n');
    expect(huge.take()).toBe(answer('too large', CLOSE));
    expect(huge.state).toBe('ended');
    const endless = connect();
    endless.send(chunked(`65\r\n${'x'.repeat(101)}\r\n`));
    expect(endless.take()).toBe(answer('too large', CLOSE));
  });

  test('that nobody reads are thrown away, and the connection goes on', () => {
    const { connect } = start(echoTarget);
    const stream = connect();
    stream.send(PUT('ignored') + GET('/next'));
    expect(stream.take()).toBe(answer('/') + answer('/next'));
    const halves = PUT('x'.repeat(1000));
    stream.send(halves.slice(0, 500));
    stream.send(halves.slice(500) + GET('/after'));
    expect(stream.take()).toBe(answer('/') + answer('/after'));
  });

  test('wait for 100 Continue when the client does, and never get it if nobody reads', () => {
    const { connect } = start((req, res) => (req.target === '/' ? echoBody(req, res) : echoTarget(req, res)));
    const stream = connect();
    const [head = '', body = ''] = PUT('abc', 'Expect: 100-continue').split('\r\n\r\n');
    stream.send(`${head}\r\n\r\n`);
    expect(stream.take()).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    stream.send(body);
    expect(stream.take()).toBe(answer('abc'));
    stream.send(`${head}\r\n\r\n`.replace('PUT /', 'PUT /unread'));
    expect(stream.take()).toBe(answer('/unread', CLOSE));
  });

  test('that break their coding are a 400, and the handler hears that they were aborted', () => {
    const outcomes: unknown[] = [];
    const { connect } = start((req, res) =>
      req.readBody(100, (error) => {
        outcomes.push(error);
        res.send(200, [], 'not sent');
      }),
    );
    const stream = connect();
    stream.send(chunked('zz\r\n'));
    expect(stream.take()).toMatch(/^HTTP\/1.1 400 Bad Request: invalid chunk size\r\n/);
    expect(outcomes).toEqual(['aborted']);
    expect(stream.state).toBe('ended');
  });

  test('as streams are read no faster than they are used', async () => {
    let iterator: AsyncIterator<Uint8Array> | undefined;
    let exchange: FrontExchange | undefined;
    const { connect } = start((req) => {
      exchange = req;
      iterator = req.bodyStream()[Symbol.asyncIterator]();
    });
    const stream = connect();
    stream.send(chunked('3\r\nabc\r\n'));
    expect(stream.paused).toBe(true);
    expect(Buffer.from((await iterator?.next())?.value).toString()).toBe('abc');
    const second = iterator?.next();
    await settle();
    expect(stream.paused).toBe(false);
    stream.send(`3\r\ndef\r\n0\r\n\r\n${GET('/next')}`);
    expect(Buffer.from((await second)?.value).toString()).toBe('def');
    expect((await iterator?.next())?.done).toBe(true);
    exchange?.send(200, [], 'done');
    expect(stream.take()).toBe(answer('done'));
    expect(exchange?.target).toBe('/next');
  });

  test('as streams end with an error when the client leaves', async () => {
    let read: Promise<unknown> = Promise.resolve();
    const { connect } = start((req) => {
      read = (async () => {
        for await (const _ of req.bodyStream());
      })();
    });
    const stream = connect();
    stream.send(chunked('3\r\nabc\r\n'));
    stream.destroy();
    await expect(read).rejects.toThrow('unexpected EOF');
  });
});

describe('clients that go away', () => {
  test('stop what was waiting for them, once', () => {
    const aborted: string[] = [];
    const { connect } = start((req) => {
      req.onAbort(() => aborted.push('one'));
      req.onAbort(() => aborted.push('two'));
    });
    const stream = connect();
    stream.send(GET('/wait'));
    stream.finish();
    expect(stream.state).toBe('closed');
    expect(aborted).toEqual(['one', 'two']);
  });

  test('do not stop what was answered', () => {
    const { connect } = start((req, res) => {
      req.onAbort(() => expect.unreachable());
      res.send(200, [], '');
    });
    const stream = connect();
    stream.send(GET('/'));
    stream.destroy();
    expect(stream.take()).toBe(answer(''));
  });

  test('and only ended their side still get answers that are on the way', () => {
    const waiting: FrontExchange[] = [];
    const { connect } = start((req) => void waiting.push(req));
    const stream = connect();
    stream.send(GET('/a') + GET('/b'));
    stream.finish();
    waiting[0]?.send(200, [], 'a');
    waiting[1]?.send(200, [], 'b');
    expect(stream.take()).toBe(answer('a') + answer('b'));
    expect(stream.state).toBe('ended');
  });

  test('are noticed even if somebody asks only afterwards', async () => {
    let exchange: FrontExchange | undefined;
    const { connect } = start((req) => {
      exchange = req;
    });
    const stream = connect();
    stream.send(GET('/wait'));
    stream.finish();
    const aborted = new Promise<void>((resolve) => exchange?.onAbort(resolve));
    expect(stream.state).toBe('closed');
    await aborted;
    await new Promise<void>((resolve) => exchange?.onAbort(resolve));
  });
});

describe('deadlines', () => {
  test('a head that takes too long is a 408', () => {
    const { clock, connect } = start(echoTarget, { headTimeoutMs: 10_000 });
    const stream = connect();
    for (let i = 0; i < 12 && stream.state === 'open'; i++) {
      stream.send(i === 0 ? 'GET / HTTP/1.1\r\n' : 'X: y\r\n');
      clock.jump(1_000);
    }
    expect(stream.take()).toMatch(/^HTTP\/1.1 408 Request Timeout: request head took too long\r\n/);
    expect(stream.state).toBe('ended');
    clock.jump(5_000);
    expect(stream.state).toBe('closed');
  });

  test('a body that trickles is a 408, one that moves is not', () => {
    const { clock, connect } = start((req, res) => req.readBody(1e6, () => res.send(200, [], 'read')));
    const [slow, fast] = [connect(), connect()];
    const head = 'PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 60000\r\n\r\n';
    for (const stream of [slow, fast]) stream.send(head);
    for (let second = 0; second < 60; second++) {
      slow.send('x');
      fast.send('x'.repeat(1000));
      clock.jump(1_000);
    }
    expect(slow.take()).toMatch(/^HTTP\/1.1 408 /);
    expect(fast.take()).toBe(answer('read'));
  });

  test('a waiting handler and an idle connection have none', () => {
    const { clock, connect } = start((req, res) => {
      if (req.target === '/idle') res.send(200, [], '');
    });
    const [waiting, idle, silent] = [connect(), connect(), connect()];
    waiting.send(GET('/wait'));
    idle.send(GET('/idle'));
    clock.jump(3_600_000);
    expect([waiting.state, idle.state, silent.state]).toEqual(['open', 'open', 'open']);
  });

  test('an idle connection is closed where that was asked for', () => {
    const { clock, connect } = start(echoTarget, { idleTimeoutMs: 60_000 });
    const stream = connect();
    stream.send(GET('/'));
    clock.jump(59_000);
    expect(stream.state).toBe('open');
    clock.jump(10_000);
    expect(stream.state).toBe('closed');
  });

  test('a client that takes nothing is cut off', () => {
    const { clock, connect } = start(echoTarget, { writeTimeoutMs: 30_000 });
    const stream = connect();
    stream.room = false;
    stream.send(GET('/', 'Connection: close'));
    clock.jump(20_000);
    expect(stream.state).toBe('open');
    clock.jump(20_000);
    expect(stream.state).toBe('closed');
  });

  test('a slow reader gets all of a last answer', () => {
    const { clock, connect } = start(echoTarget);
    const stream = connect();
    stream.room = false;
    stream.send(GET('/', 'Connection: close'));
    clock.jump(20_000);
    expect(stream.state).toBe('open');
    stream.drain();
    expect(stream.state).toBe('ended');
  });

  test('without connections there is no timer', () => {
    const { clock, connect } = start(echoTarget);
    const stream = connect();
    expect(clock.waiting).toBe(1);
    stream.destroy();
    expect(clock.waiting).toBe(0);
  });
});

describe('streams', () => {
  test('go out in chunks, with back-pressure, and end', () => {
    let events = '';
    let stream: ReturnType<FrontExchange['startStream']> | undefined;
    const { connect } = start((_req, res) => {
      stream = res.startStream(200, [['X', 'y']]);
      stream.onDrain(() => {
        events += 'drain ';
      });
      stream.onClose(() => {
        events += 'close ';
      });
      expect(stream.write(Buffer.from('one'))).toBe(true);
    });
    const client = connect();
    client.send(GET('/'));
    expect(client.take()).toBe('HTTP/1.1 200 OK\r\nX: y\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n');
    client.room = false;
    expect(stream?.write(Buffer.from('two'))).toBe(false);
    client.drain();
    expect(events).toBe('drain ');
    stream?.write(Buffer.alloc(0));
    stream?.end();
    stream?.end();
    stream?.write(Buffer.from('late'));
    expect(client.take()).toBe('3\r\ntwo\r\n0\r\n\r\n');
    client.send(GET('/').replace('1.1', '1.0'));
    expect(client.take()).toBe('HTTP/1.0 200 OK\r\nX: y\r\n\r\none');
    client.finish();
    expect(events).toBe('drain close ');
  });

  test('are compressed for those who take it', () => {
    const { connect } = start((_req, res) => {
      const stream = res.startStream(200, [], true);
      stream.write(Buffer.from('abc'));
      stream.end();
    });
    const client = connect();
    client.send(GET('/', 'Accept-Encoding: gzip'));
    expect(client.take()).toBe(
      'HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n<3>\r\n5\r\n<end>\r\n0\r\n\r\n',
    );
    client.send(GET('/'));
    expect(client.take()).toContain('3\r\nabc\r\n');
  });
});

test('a shared answer is encoded and compressed once, whoever asks', async () => {
  let compressed = 0;
  const compress = (bytes: Uint8Array) => {
    compressed++;
    return fakeGzip.compress(bytes);
  };
  const gzip: Gzip = { ...fakeGzip, compress };
  const shared = new SharedAnswer(200, [['Content-Type', 'application/json']], Buffer.alloc(50_000, 'x'));
  const front = new HttpFront({}, { clock: new ManualClock(), log: silentLog, gzip }, (_req, res) =>
    res.sendShared(shared),
  );
  const streams = [new FakeStream('a'), new FakeStream('b'), new FakeStream('c')];
  for (const stream of streams) front.accept(stream);
  streams[0]?.send(GET('/', 'Accept-Encoding: gzip'));
  streams[1]?.send(GET('/', 'Accept-Encoding: gzip'));
  streams[2]?.send(GET('/'));
  expect(streams[2]?.take()).toHaveLength(
    50_000 + 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 50000\r\n\r\n'.length,
  );
  await settle();
  for (const stream of streams.slice(0, 2)) {
    expect(stream.take()).toBe(
      'HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n<50000>',
    );
  }
  expect(compressed).toBe(1);
});

describe('connections', () => {
  test('of one client beyond the limit are answered 429, and counted down when they close', () => {
    const { front, connect } = start(echoTarget, { maxConnsPerClient: 2 });
    const first = connect();
    connect();
    const third = connect();
    expect(third.writes.join('')).toBe(Buffer.from(TOO_MANY_CONNECTIONS).toString());
    expect(third.state).toBe('ended');
    expect(connect('10.0.0.2').state).toBe('open');
    expect(connect('').state).toBe('open');
    expect(connect('').state).toBe('open');
    expect(connect('').state).toBe('open');
    third.destroy();
    first.destroy();
    expect(connect().state).toBe('open');
    front.configure({ maxConnsPerClient: 0 });
    expect(connect().state).toBe('open');
  });

  test('are closed gracefully: idle ones at once, busy ones after their answer, the rest after the grace', async () => {
    const waiting: FrontExchange[] = [];
    const { clock, front, connect } = start((req) => void waiting.push(req));
    const [idle, busy, stuck] = [connect(), connect(), connect()];
    busy.send(GET('/busy') + GET('/next'));
    stuck.send(GET('/stuck'));
    const closed = front.close(10_000);
    await settle();
    expect([idle.state, busy.state, stuck.state]).toEqual(['ended', 'open', 'open']);
    waiting[0]?.send(200, [], 'bye');
    expect(busy.take()).toBe(answer('bye', CLOSE));
    expect(busy.state).toBe('ended');
    clock.jump(10_000);
    await closed;
    expect(stuck.state).toBe('closed');
    expect(front.connections).toBe(0);
  });
});

test('malformed requests are refused with a reason, and nothing breaks, however they are cut', () => {
  const cases = hardCases.filter(({ bytes }) => bytes.length < 5000);
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...cases), { maxLength: 4 }),
      fc.integer({ min: 1, max: 400 }),
      (parts, size) => {
        const { front, connect } = start(echoBody);
        const stream = connect();
        const text = parts.map(({ bytes }) => bytes).join('');
        for (let at = 0; at < text.length; at += size) stream.send(text.slice(at, at + size));
        expect(stream.take()).toMatch(/^(HTTP\/1\.[01] \d{3} |$)/);
        stream.destroy();
        const next = connect();
        next.send(GET('/'));
        expect(next.take()).toBe(answer(''));
        next.destroy();
        expect(front.connections).toBe(0);
      },
    ),
    { numRuns: 300 },
  );
});
