import type { Gzip } from '@proconsul/base';
import { type HeaderList, PreparedResponse } from '@proconsul/http1';
import { GZIP_BYTES_MIN, GZIP_SYNC_BYTES_MAX } from './options.ts';

/**
 * One answer for many: encoded once, compressed once, whoever asks first. Keep it as long as it is true.
 * `headers` without Content-Encoding, Content-Length and Date.
 */
export class SharedAnswer {
  readonly #status: number;
  readonly #headers: HeaderList;
  readonly #body: Uint8Array;
  #plain: PreparedResponse | undefined;
  #packed: PreparedResponse | undefined;
  #waiting: ((answer: PreparedResponse) => void)[] | undefined;

  constructor(status: number, headers: HeaderList, body: Uint8Array) {
    this.#status = status;
    this.#headers = headers;
    this.#body = body;
  }

  get plain(): PreparedResponse {
    this.#plain ??= new PreparedResponse(this.#status, this.#headers, this.#body);
    return this.#plain;
  }

  /** The form for a client that takes gzip, or does not. `use` is called at once when it is ready, else later, in order. */
  pick(acceptsGzip: boolean, gzip: Gzip, use: (answer: PreparedResponse) => void): void {
    if (!acceptsGzip || this.#body.length < GZIP_BYTES_MIN) return use(this.plain);
    if (this.#packed !== undefined) return use(this.#packed);
    if (this.#body.length <= GZIP_SYNC_BYTES_MAX) return use(this.#keep(gzip.compressSync(this.#body)));
    if (this.#waiting !== undefined) {
      this.#waiting.push(use);
      return;
    }
    this.#waiting = [use];
    gzip.compress(this.#body).then(
      (packed) => this.#wakeAll(this.#keep(packed)),
      () => this.#wakeAll(this.plain),
    );
  }

  #keep(packed: Uint8Array): PreparedResponse {
    this.#packed = new PreparedResponse(this.#status, [['Content-Encoding', 'gzip'], ...this.#headers], packed);
    return this.#packed;
  }

  #wakeAll(answer: PreparedResponse): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const use of waiting) use(answer);
  }
}
