import { askJson } from '../answers.ts';
import type { Provider } from '../discover.ts';

const API = 'https://api.softlayer.com/rest/v3.1/SoftLayer_Account/getVirtualGuests.json';
const MASK = 'mask[primaryBackendIpAddress,datacenter[name],tagReferences[tag[name]]]';

/** Virtual servers with a tag in a datacenter. Source: SoftLayer API reference, SoftLayer_Account::getVirtualGuests. */
export const softlayer: Provider = async (args, world) => {
  const datacenter = args.need('datacenter');
  const tag = args.need('tag_value');
  const login = Buffer.from(`${args.need('username')}:${args.need('api_key')}`).toString('base64');
  const url = `${API}?objectMask=${encodeURIComponent(MASK)}`;
  const guests = await askJson('softlayer', world, { url, headers: { Authorization: `Basic ${login}` } });
  return guests
    .list()
    .filter((guest) => guest.text('datacenter', 'name') === datacenter)
    .filter((guest) => guest.list('tagReferences').some((reference) => reference.text('tag', 'name') === tag))
    .map((guest) => guest.text('primaryBackendIpAddress'))
    .filter(Boolean);
};
