import { createHash, createHmac } from 'node:crypto';
import { askJson, type Json, PAGES_MAX } from '../answers.ts';
import type { Provider } from '../discover.ts';
import { DiscoverError } from '../errors.ts';
import type { HttpRequest } from '../http.ts';

const HOST = 'cvm.tencentcloudapi.com';
const PER_PAGE = 100;
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

/** Source: Tencent Cloud documentation, "Signature v3" (TC3-HMAC-SHA256). */
export function signed(
  body: string,
  call: { readonly action: string; readonly region: string; readonly nowMs: number },
  keys: { readonly id: string; readonly secret: string },
): HttpRequest {
  const type = 'application/json; charset=utf-8';
  const seconds = Math.floor(call.nowMs / 1000);
  const day = new Date(seconds * 1000).toISOString().slice(0, 10);
  const names = 'content-type;host;x-tc-action';
  const head = `content-type:${type}\nhost:${HOST}\nx-tc-action:${call.action.toLowerCase()}\n`;
  const canonical = `POST\n/\n\n${head}\n${names}\n${sha256(body)}`;
  const scope = `${day}/cvm/tc3_request`;
  const text = `TC3-HMAC-SHA256\n${seconds}\n${scope}\n${sha256(canonical)}`;
  const key = hmac(hmac(hmac(`TC3${keys.secret}`, day), 'cvm'), 'tc3_request');
  const signature = hmac(key, text).toString('hex');
  const headers = {
    Authorization: `TC3-HMAC-SHA256 Credential=${keys.id}/${scope}, SignedHeaders=${names}, Signature=${signature}`,
    ...{ 'Content-Type': type, Host: HOST, 'X-TC-Action': call.action, 'X-TC-Version': '2017-03-12' },
    ...{ 'X-TC-Timestamp': String(seconds), 'X-TC-Region': call.region },
  };
  return { method: 'POST', url: `https://${HOST}/`, headers, body };
}

/** Running instances with a tag. Source: Tencent Cloud CVM API reference, DescribeInstances. */
export const tencentcloud: Provider = async (args, world) => {
  const type = args.oneOf('address_type', ['private_v4', 'public_v4']);
  const keys = { id: args.need('access_key_id'), secret: args.need('access_key_secret') };
  const region = args.need('region');
  const Filters = [
    { Name: `tag:${args.need('tag_key')}`, Values: [args.need('tag_value')] },
    { Name: 'instance-state', Values: ['RUNNING'] },
  ];
  const found: string[] = [];
  for (let page = 0; page < PAGES_MAX; page++) {
    const body = JSON.stringify({ Filters, Offset: page * PER_PAGE, Limit: PER_PAGE });
    const call = { action: 'DescribeInstances', region, nowMs: world.nowMs() };
    const reply = (await askJson('tencentcloud', world, signed(body, call, keys))).at('Response');
    const error = reply.text('Error', 'Message');
    if (error !== '') throw new DiscoverError(`discover-tencentcloud: ${error}`);
    const instances = reply.list('InstanceSet');
    found.push(...instances.map((instance: Json) => instance.text(FIELDS[type], 0)).filter(Boolean));
    if (instances.length < PER_PAGE) break;
  }
  return found;
};

const FIELDS = { private_v4: 'PrivateIpAddresses', public_v4: 'PublicIpAddresses' } as const;
