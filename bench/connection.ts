import { connect, type Socket } from 'node:net';

/** The answer to one request. The body is only kept when that was asked for. */
export interface Answer {
  readonly status: number;
  /** `X-Consul-Index`, 0 when there is none. */
  readonly index: number;
  readonly bodyBytes: number;
  readonly body: Buffer | undefined;
}

type Done = (error: Error | null, answer: Answer | null) => void;

const NOTHING: Buffer = Buffer.alloc(0);
const EMPTY_ANSWER = { index: 0, bodyBytes: 0, body: undefined };

/**
 * A lean HTTP/1.1 client on one kept-alive connection, one request at a time: the load generator must cost little beside
 * what it measures. Understands what agents send: a length, or chunks.
 */
export class Connection {
  readonly #socket: Socket;
  #done: Done | null = null;
  #keep = false;
  #head = NOTHING;
  /** Set once the head has been read. */
  #answer: { status: number; index: number } | null = null;
  #left = 0;
  #chunks: ChunkReader | null = null;
  #bodyBytes = 0;
  #body: Buffer[] = [];

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (data) => this.#read(data));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('connection closed')));
  }

  static open(port: number): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => resolve(new Connection(socket)));
      socket.once('error', reject);
    });
  }

  close(): void {
    this.#done = null;
    this.#socket.destroy();
  }

  /** Sends one request; `done` is called once. */
  send(method: string, path: string, body: string | Buffer | null, done: Done, keepBody = false): void {
    this.#done = done;
    this.#keep = keepBody;
    if (body === null) {
      this.#socket.write(`${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`, 'latin1');
      return;
    }
    const length = typeof body === 'string' ? Buffer.byteLength(body) : body.length;
    const head = `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: ${length}\r\n\r\n`;
    if (typeof body === 'string') this.#socket.write(head + body);
    else {
      this.#socket.cork();
      this.#socket.write(head, 'latin1');
      this.#socket.write(body);
      this.#socket.uncork();
    }
  }

  request(method: string, path: string, body: string | Buffer | null = null): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.send(method, path, body, (error, answer) => (answer === null ? reject(error) : resolve(answer)), true);
    });
  }

  #fail(error: Error): void {
    const done = this.#done;
    this.#done = null;
    done?.(error, null);
  }

  #read(data: Buffer): void {
    if (this.#answer !== null) return this.#readBody(data);
    const head = this.#head.length === 0 ? data : Buffer.concat([this.#head, data]);
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) {
      this.#head = head;
      return;
    }
    this.#head = NOTHING;
    const text = head.toString('latin1', 0, end + 2);
    this.#answer = { status: Number(text.slice(9, 12)), index: Number(field(text, '\r\nx-consul-index: ') ?? 0) };
    const length = field(text, '\r\ncontent-length: ');
    this.#left = Number(length ?? 0);
    this.#chunks = length === undefined && /\r\ntransfer-encoding: chunked/i.test(text) ? new ChunkReader() : null;
    this.#readBody(head.subarray(end + 4));
  }

  #readBody(data: Buffer): void {
    if (this.#chunks !== null) {
      const ended = this.#chunks.read(data, (part) => this.#take(part));
      if (ended) this.#finish();
      return;
    }
    this.#left -= data.length;
    this.#take(data);
    if (this.#left <= 0) this.#finish();
  }

  #take(part: Buffer): void {
    this.#bodyBytes += part.length;
    if (this.#keep) this.#body.push(part);
  }

  #finish(): void {
    const { status, index } = this.#answer ?? { status: 0, index: 0 };
    const answer = this.#keep
      ? { status, index, bodyBytes: this.#bodyBytes, body: Buffer.concat(this.#body) }
      : { ...EMPTY_ANSWER, status, index, bodyBytes: this.#bodyBytes };
    this.#answer = null;
    this.#chunks = null;
    this.#bodyBytes = 0;
    this.#body = [];
    const done = this.#done;
    this.#done = null;
    done?.(null, answer);
  }
}

/** The value of a header, whatever the case of its name: `name` comes as `\r\nname: ` in lower case. */
function field(head: string, name: string): string | undefined {
  const at = head.toLowerCase().indexOf(name);
  if (at < 0) return undefined;
  const from = at + name.length;
  return head.slice(from, head.indexOf('\r\n', from));
}

class ChunkReader {
  #line = '';
  #left = 0;
  #state: 'size' | 'data' | 'after' | 'last' = 'size';

  /** Takes what has arrived; true when the last chunk is through. */
  read(data: Buffer, take: (part: Buffer) => void): boolean {
    let at = 0;
    while (at < data.length) {
      if (this.#state === 'data') {
        const part = data.subarray(at, at + this.#left);
        take(part);
        at += part.length;
        this.#left -= part.length;
        if (this.#left === 0) this.#state = 'after';
        continue;
      }
      const end = data.indexOf(10, at);
      if (end < 0) {
        this.#line += data.toString('latin1', at);
        return false;
      }
      const line = (this.#line + data.toString('latin1', at, end)).trim();
      this.#line = '';
      at = end + 1;
      if (this.#state === 'last') return true;
      if (this.#state === 'after') this.#state = 'size';
      else {
        this.#left = Number.parseInt(line, 16);
        this.#state = this.#left === 0 ? 'last' : 'data';
      }
    }
    return false;
  }
}
