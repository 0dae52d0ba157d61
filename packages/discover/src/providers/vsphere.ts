import { isIP } from 'node:net';
import { parseDuration } from '@proconsul/base';
import { askJson, type Json } from '../answers.ts';
import type { Arguments } from '../arguments.ts';
import type { Provider } from '../discover.ts';
import { DiscoverError } from '../errors.ts';
import type { HttpRequest } from '../http.ts';
import type { World } from '../world.ts';

/** Default time for the whole search. */
const TIMEOUT_MS = 600_000;

type Call = (method: 'GET' | 'POST', path: string, body?: unknown) => Promise<Json>;

const setting = (args: Arguments, world: World, key: string, variable: string): string => {
  const value = args.get(key) || world.env[variable] || '';
  if (value === '') throw new DiscoverError(`discover-vsphere: ${key} must be given`);
  return value;
};

async function session(args: Arguments, world: World): Promise<Call> {
  const host = setting(args, world, 'host', 'VSPHERE_SERVER');
  const user = setting(args, world, 'user', 'VSPHERE_USER');
  const password = setting(args, world, 'password', 'VSPHERE_PASSWORD');
  const ns = args.get('timeout') === '' ? TIMEOUT_MS * 1e6 : parseDuration(args.get('timeout'));
  if (ns === undefined) throw new DiscoverError(`discover-vsphere: timeout is no duration: ${args.get('timeout')}`);
  const endsAt = world.nowMs() + ns / 1e6;
  const tls = { insecure: args.flag('insecure_ssl') };
  const base = `https://${host}/rest`;
  const send = (request: Omit<HttpRequest, 'tls' | 'timeoutMs'>): Promise<Json> => {
    const timeoutMs = endsAt - world.nowMs();
    if (timeoutMs <= 0) throw new DiscoverError('discover-vsphere: timed out');
    return askJson('vsphere', world, { ...request, tls, timeoutMs });
  };
  const login = Buffer.from(`${user}:${password}`).toString('base64');
  const url = `${base}/com/vmware/cis/session`;
  const id = (await send({ method: 'POST', url, headers: { Authorization: `Basic ${login}` } })).text('value');
  const headers = { 'vmware-api-session-id': id, 'Content-Type': 'application/json' };
  return (method, path, body) =>
    send({ method, url: base + path, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
}

/** The id of the thing with a name among those that a list names by id. */
async function idByName(call: Call, path: string, ids: readonly Json[], name: string): Promise<string> {
  for (const id of ids) {
    const found = await call('GET', `${path}/id:${encodeURIComponent(id.text())}`);
    if (found.text('value', 'name') === name) return id.text();
  }
  throw new DiscoverError(`discover-vsphere: nothing is called ${name} in ${path}`);
}

/** Virtual machines with a tag of a category. Source: vSphere Automation API, tagging and guest networking. */
export const vsphere: Provider = async (args, world) => {
  const [category, name] = [args.need('category_name'), args.need('tag_name')];
  const call = await session(args, world);
  const tagging = '/com/vmware/cis/tagging';
  const categories = (await call('GET', `${tagging}/category`)).list('value');
  const categoryId = await idByName(call, `${tagging}/category`, categories, category);
  const ofCategory = `${tagging}/tag/id:${encodeURIComponent(categoryId)}?~action=list-tags-for-category`;
  const tagId = await idByName(call, `${tagging}/tag`, (await call('POST', ofCategory)).list('value'), name);
  const attached = `${tagging}/tag-association/id:${encodeURIComponent(tagId)}?~action=list-attached-objects`;
  const found: string[] = [];
  for (const object of (await call('POST', attached)).list('value')) {
    if (object.text('type') !== 'VirtualMachine') continue;
    const vm = encodeURIComponent(object.text('id'));
    const faces = await call('GET', `/vcenter/vm/${vm}/guest/networking/interfaces`);
    const all = faces.list('value').flatMap((face) => face.list('ip', 'ip_addresses'));
    const own = all.map((entry) => entry.text('ip_address')).find(isUsable);
    if (own !== undefined) found.push(own);
  }
  return found;
};

/** Not an address that only the machine itself or its link can use. */
const isUsable = (address: string): boolean => isIP(address) !== 0 && !/^(127\.|169\.254\.|fe80:|::1$)/i.test(address);
