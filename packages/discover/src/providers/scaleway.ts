import { askJson, PAGES_MAX } from '../answers.ts';
import type { Provider } from '../discover.ts';

/** Names that the API no longer knows. */
const ZONES: Readonly<Record<string, string>> = { par1: 'fr-par-1', ams1: 'nl-ams-1' };
const PER_PAGE = 100;

/** Running servers with a tag. Source: Scaleway API reference, "List Instances". */
export const scaleway: Provider = async (args, world) => {
  const region = args.need('region');
  const zone = ZONES[region] ?? region;
  const query = new URLSearchParams({
    ...{ organization: args.need('organization'), tags: args.need('tag_name') },
    ...{ state: 'running', per_page: String(PER_PAGE) },
  });
  const headers = { 'X-Auth-Token': args.need('token') };
  const found: string[] = [];
  for (let page = 1; page <= PAGES_MAX; page++) {
    query.set('page', String(page));
    const url = `https://api.scaleway.com/instance/v1/zones/${encodeURIComponent(zone)}/servers?${query}`;
    const servers = (await askJson('scaleway', world, { url, headers })).list('servers');
    for (const server of servers) {
      const own = server.text('private_ip') || server.text('private_nics', 0, 'private_ips', 0, 'address');
      if (own !== '') found.push(own);
    }
    if (servers.length < PER_PAGE) break;
  }
  return found;
};
