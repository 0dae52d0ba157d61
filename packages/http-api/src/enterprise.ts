import { type ApiExchange, HttpError } from './api-exchange.ts';

/**
 * Which parameters of the enterprise edition are refused: both the namespace and the partition, only the partition,
 * or none. Source: recorded answers for each endpoint.
 */
export type EnterpriseCheck = 'full' | 'partition' | 'none';

/** Refuses what only the enterprise edition has. Throws 400 with Consul's texts. */
export function refuseEnterprise(x: ApiExchange, check: EnterpriseCheck): void {
  if (check === 'none') return;
  const refuse = (what: string, feature: string) => {
    throw new HttpError(400, `Invalid ${what} - ${feature} are a Consul Enterprise feature`);
  };
  if (check === 'full') {
    if ((x.req.header('x-consul-namespace') ?? '') !== '') refuse('header: "X-Consul-Namespace"', 'Namespaces');
    if (x.query.get('ns') !== '') refuse('query parameter: "ns"', 'Namespaces');
  }
  if ((x.req.header('x-consul-partition') ?? '') !== '') refuse('header: "X-Consul-Partition"', 'Partitions');
  if (x.query.get('partition') !== '') refuse('query parameter: "partition"', 'Partitions');
}
