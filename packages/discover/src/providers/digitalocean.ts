import { askJson, PAGES_MAX } from '../answers.ts';
import type { Provider } from '../discover.ts';

/** Droplets with a tag. Source: DigitalOcean API reference, "List all droplets". */
export const digitalocean: Provider = async (args, world) => {
  const region = args.need('region');
  const tag = encodeURIComponent(args.need('tag_name'));
  const headers = { Authorization: `Bearer ${args.need('api_token')}` };
  const found: string[] = [];
  let url = `https://api.digitalocean.com/v2/droplets?tag_name=${tag}&per_page=200`;
  for (let page = 0; page < PAGES_MAX && url !== ''; page++) {
    const answer = await askJson('digitalocean', world, { url, headers });
    for (const droplet of answer.list('droplets')) {
      if (droplet.text('region', 'slug') !== region || droplet.text('status') === 'off') continue;
      const own = droplet.list('networks', 'v4').find((network) => network.text('type') === 'private');
      if (own !== undefined) found.push(own.text('ip_address'));
    }
    url = answer.text('links', 'pages', 'next');
  }
  return found.filter(Boolean);
};
