import { askJson, isPrivateV4, isV4, type Json, PAGES_MAX } from '../answers.ts';
import type { Provider } from '../discover.ts';

const API = 'https://api.linode.com/v4/linode/instances';

/** Running instances with a tag. Source: Linode API reference, "List Linodes" and "List networking information". */
export const linode: Provider = async (args, world) => {
  const type = args.oneOf('address_type', ['private_v4', 'public_v4', 'private_v6', 'public_v6']);
  const token = args.need('api_token');
  const region = args.get('region');
  const filter = { tags: args.need('tag_name'), ...(region === '' ? {} : { region }) };
  const headers = { Authorization: `Bearer ${token}`, 'X-Filter': JSON.stringify(filter) };
  const found: string[] = [];
  for (let page = 1, pages = 1; page <= Math.min(pages, PAGES_MAX); page++) {
    const answer = await askJson('linode', world, { url: `${API}?page=${page}&page_size=100`, headers });
    pages = Number(answer.text('pages')) || 1;
    for (const instance of answer.list('data')) {
      if (instance.text('status') !== 'running') continue;
      if (type === 'private_v4' || type === 'public_v4') found.push(...ownV4(instance, type));
      else {
        const url = `${API}/${encodeURIComponent(instance.text('id'))}/ips`;
        const ips = await askJson('linode', world, { url, headers: { Authorization: `Bearer ${token}` } });
        // The link-local address is the one that no router passes on.
        found.push(ips.text('ipv6', type === 'public_v6' ? 'slaac' : 'link_local', 'address'));
      }
    }
  }
  return found.filter(Boolean);
};

const ownV4 = (instance: Json, type: 'private_v4' | 'public_v4'): string[] =>
  instance
    .list('ipv4')
    .map((address) => address.text())
    .filter((address) => isV4(address) && isPrivateV4(address) === (type === 'private_v4'))
    .slice(0, 1);
