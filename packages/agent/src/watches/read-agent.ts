import { type Http, type Params, parseJson } from '@proconsul/client';
import type { ReadAgent } from './plan.ts';

/** A read that lasts this much longer than the longest block of the agent (5 minutes and a sixteenth) is given up. */
export const READ_MS_MAX = 350_000;

/** Reads by HTTP from the agent that `http` is connected to. `token` is for watches that name none of their own. */
export function readByHttp(http: Http, token: () => string): ReadAgent {
  return async (plan, blockOn, signal) => {
    const isHash = plan.type === 'agent_service';
    const isKey = plan.type === 'key' || plan.type === 'keyprefix';
    const params: Params = { ...plan.params, [isHash ? 'hash' : 'index']: blockOn };
    const request = {
      method: 'GET' as const,
      path: plan.path,
      params,
      token: plan.token || token(),
      signal: AbortSignal.any([signal, AbortSignal.timeout(READ_MS_MAX)]),
    };
    const response = await http.send(request, isKey ? [404] : []);
    const text = await http.text(response);
    return {
      value: response.status === 404 ? null : parseJson(text),
      token: response.header(isHash ? 'X-Consul-ContentHash' : 'X-Consul-Index') ?? '',
    };
  };
}
