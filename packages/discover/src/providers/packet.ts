import { askJson, isV6, type Json, PAGES_MAX } from '../answers.ts';
import type { Provider } from '../discover.ts';

/** Devices of a project, which may be told apart by facility and tag. Source: Equinix Metal API reference, "devices". */
export const packet: Provider = async (args, world) => {
  const type = args.oneOf('address_type', ['private_v4', 'public_v4', 'public_v6']);
  const token = args.need('auth_token');
  const base = (args.get('url') || 'https://api.equinix.com/metal/v1').replace(/\/+$/, '');
  const project = encodeURIComponent(args.need('project'));
  const wanted = (key: string) =>
    args
      .get(key)
      .split(',')
      .map((part) => part.trim())
      .filter(Boolean);
  const [facilities, tags] = [wanted('facility'), wanted('tag')];
  const found: string[] = [];
  for (let page = 1, last = 1; page <= Math.min(last, PAGES_MAX); page++) {
    const url = `${base}/projects/${project}/devices?include=facility&page=${page}&per_page=100`;
    const answer = await askJson('packet', world, { url, headers: { 'X-Auth-Token': token } });
    last = Number(answer.text('meta', 'last_page')) || 1;
    for (const device of answer.list('devices')) {
      const own = device.list('tags').map((tag) => tag.text());
      if (facilities.length > 0 && !facilities.includes(device.text('facility', 'code'))) continue;
      if (tags.length > 0 && !tags.some((tag) => own.includes(tag))) continue;
      const address = device.list('ip_addresses').find((entry) => fits(entry, type));
      if (address !== undefined) found.push(address.text('address'));
    }
  }
  return found.filter(Boolean);
};

function fits(entry: Json, type: 'private_v4' | 'public_v4' | 'public_v6'): boolean {
  const isPublic = entry.at('public').isTrue();
  return isPublic === type.startsWith('public') && isV6(entry.text('address')) === type.endsWith('v6');
}
