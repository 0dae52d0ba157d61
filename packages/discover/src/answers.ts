import { DiscoverError } from './errors.ts';
import type { HttpAnswer, HttpRequest } from './http.ts';
import type { World } from './world.ts';

/** Pages that a provider may need for one listing. */
export const PAGES_MAX = 1000;

/** Sends, and refuses every status but 2xx. Throws DiscoverError. */
export async function ask(provider: string, world: World, request: HttpRequest): Promise<HttpAnswer> {
  let answer: HttpAnswer;
  try {
    answer = await world.send(request);
  } catch (error) {
    throw new DiscoverError(`discover-${provider}: ${(error as Error).message}`);
  }
  if (answer.status >= 200 && answer.status < 300) return answer;
  const where = request.url.replace(/\?.*/s, '');
  const text = answer.body.slice(0, 300).trim();
  throw new DiscoverError(
    `discover-${provider}: ${request.method ?? 'GET'} ${where}: status ${answer.status}: ${text}`,
  );
}

/** Like {@link ask}, for an answer in JSON. */
export async function askJson(provider: string, world: World, request: HttpRequest): Promise<Json> {
  const { body } = await ask(provider, world, request);
  try {
    return new Json(JSON.parse(body));
  } catch {
    throw new DiscoverError(`discover-${provider}: the answer of ${request.url.replace(/\?.*/s, '')} is not JSON`);
  }
}

/** JSON of somebody else, read without trust: what is missing or of another kind reads as nothing. */
export class Json {
  readonly #value: unknown;

  constructor(value: unknown) {
    this.#value = value;
  }

  at(...path: readonly (string | number)[]): Json {
    let value = this.#value;
    for (const step of path) {
      if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return new Json(undefined);
      value = (value as Record<string | number, unknown>)[step];
    }
    return new Json(value);
  }

  text(...path: readonly (string | number)[]): string {
    const value = path.length === 0 ? this.#value : this.at(...path).#value;
    return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';
  }

  /** True itself, or the word. */
  isTrue(): boolean {
    return this.#value === true || this.#value === 'true';
  }

  list(...path: readonly (string | number)[]): readonly Json[] {
    const value = this.at(...path).#value;
    return Array.isArray(value) ? value.map((item) => new Json(item)) : [];
  }

  /** The members of an object. */
  entries(...path: readonly (string | number)[]): readonly (readonly [string, Json])[] {
    const value = this.at(...path).#value;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return [];
    return Object.entries(value).map(([key, item]) => [key, new Json(item)] as const);
  }
}

const V4 = /^\d{1,3}(\.\d{1,3}){3}$/;
export const isV4 = (address: string): boolean => V4.test(address);
export const isV6 = (address: string): boolean => address.includes(':');

/** Address of a private network. Source: RFC 1918. */
export const isPrivateV4 = (address: string): boolean =>
  isV4(address) && /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.)/.test(address);
