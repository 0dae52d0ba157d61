import type { Provider } from '../discover.ts';
import { DiscoverError } from '../errors.ts';

/** Servers of a cluster that is linked with HashiCorp's platform. No agent here is linked with it. */
export const hcp: Provider = async () => {
  throw new DiscoverError('discover-hcp: this cluster is not linked with the HashiCorp Cloud Platform');
};
