import type { Log } from '@proconsul/base';
import type { HttpAnswer, HttpRequest } from './http.ts';
import type { Multicast } from './multicast.ts';

/** What providers need of the machine. */
export interface World {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
  send(request: HttpRequest): Promise<HttpAnswer>;
  /** Undefined when there is no such file. */
  readFile(path: string): Promise<string | undefined>;
  nowMs(): number;
  /** Asks the link by multicast DNS. */
  readonly multicast: Multicast;
}
