import { createHmac, randomUUID } from 'node:crypto';
import { askJson, PAGES_MAX } from '../answers.ts';
import type { Provider } from '../discover.ts';

const HOST = 'https://ecs.aliyuncs.com/';
const PER_PAGE = 100;

/** RFC 3986, where encodeURIComponent leaves out a few. */
const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

/** The query of a signed GET. Source: Alibaba Cloud documentation, "Request signatures" of the RPC style. */
export function signedQuery(parameters: Readonly<Record<string, string>>, secret: string): string {
  const sorted = Object.keys(parameters).sort();
  const query = sorted.map((name) => `${encode(name)}=${encode(parameters[name] as string)}`).join('&');
  const text = `GET&${encode('/')}&${encode(query)}`;
  const signature = createHmac('sha1', `${secret}&`).update(text).digest('base64');
  return `${query}&Signature=${encode(signature)}`;
}

/** Running instances with a tag. Source: ECS API reference, DescribeInstances. */
export const aliyun: Provider = async (args, world) => {
  const secret = args.need('access_key_secret');
  const found: string[] = [];
  for (let page = 1; page <= PAGES_MAX; page++) {
    const query = signedQuery(
      {
        ...{ Action: 'DescribeInstances', Version: '2014-05-26', Format: 'JSON', RegionId: args.need('region') },
        ...{ 'Tag.1.Key': args.need('tag_key'), 'Tag.1.Value': args.need('tag_value'), Status: 'Running' },
        ...{ PageNumber: String(page), PageSize: String(PER_PAGE), AccessKeyId: args.need('access_key_id') },
        ...{ SignatureMethod: 'HMAC-SHA1', SignatureVersion: '1.0', SignatureNonce: randomUUID() },
        Timestamp: new Date(world.nowMs()).toISOString().replace(/\.\d{3}/, ''),
      },
      secret,
    );
    const answer = await askJson('aliyun', world, { url: `${HOST}?${query}` });
    const instances = answer.list('Instances', 'Instance');
    for (const instance of instances) {
      const own = instance.text('VpcAttributes', 'PrivateIpAddress', 'IpAddress', 0);
      found.push(own || instance.text('InnerIpAddress', 'IpAddress', 0));
    }
    if (instances.length < PER_PAGE) break;
  }
  return found.filter(Boolean);
};
