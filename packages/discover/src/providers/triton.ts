import { createSign } from 'node:crypto';
import { askJson, PAGES_MAX } from '../answers.ts';
import type { Provider } from '../discover.ts';
import { DiscoverError } from '../errors.ts';
import type { World } from '../world.ts';

const PER_PAGE = 100;

/** The private key: PEM text, or the path of a file that holds it. */
async function keyOf(world: World): Promise<string> {
  const given = world.env['TRITON_KEY_MATERIAL'] || world.env['SDC_KEY_MATERIAL'] || '';
  if (given === '')
    throw new DiscoverError('discover-triton: TRITON_KEY_MATERIAL must hold the key, or the path of its file');
  if (given.includes('-----BEGIN')) return given;
  const file = await world.readFile(given);
  if (file === undefined) throw new DiscoverError(`discover-triton: no key file ${given}`);
  return file;
}

/** Running machines with a tag. Source: CloudAPI documentation, "ListMachines" and "HTTP Signature". */
export const triton: Provider = async (args, world) => {
  const base = args.need('url').replace(/\/+$/, '');
  const account = args.need('account');
  const keyId = `/${account}/keys/${args.need('key_id')}`;
  const key = await keyOf(world);
  const filter = `tag.${encodeURIComponent(args.need('tag_key'))}=${encodeURIComponent(args.need('tag_value'))}`;
  const found: string[] = [];
  for (let page = 0; page < PAGES_MAX; page++) {
    const date = new Date(world.nowMs()).toUTCString();
    let signature: string;
    try {
      signature = createSign('RSA-SHA256').update(`date: ${date}`).sign(key, 'base64');
    } catch {
      throw new DiscoverError('discover-triton: the private key cannot be used');
    }
    const Authorization = `Signature keyId="${keyId}",algorithm="rsa-sha256",headers="date",signature="${signature}"`;
    const headers = { Accept: 'application/json', 'Accept-Version': '~8', Date: date, Authorization };
    const query = `${filter}&state=running&limit=${PER_PAGE}&offset=${page * PER_PAGE}`;
    const url = `${base}/${encodeURIComponent(account)}/machines?${query}`;
    const machines = (await askJson('triton', world, { url, headers })).list();
    found.push(...machines.map((machine) => machine.text('primaryIp')).filter(Boolean));
    if (machines.length < PER_PAGE) break;
  }
  return found;
};
