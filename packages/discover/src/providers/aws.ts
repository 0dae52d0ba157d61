import { ask, askJson, type Json, PAGES_MAX } from '../answers.ts';
import type { Arguments } from '../arguments.ts';
import type { Provider } from '../discover.ts';
import { DiscoverError } from '../errors.ts';
import type { World } from '../world.ts';
import { type Element, parseXml } from '../xml.ts';
import { awsCredentials, awsRegion } from './aws-credentials.ts';
import { type AwsCredentials, signedPost } from './sigv4.ts';

interface Session {
  readonly region: string;
  readonly credentials: AwsCredentials;
  readonly world: World;
  readonly endpoint: string;
}

type AddressType = 'private_v4' | 'public_v4' | 'public_v6';

/** Instances of EC2, or tasks of ECS, with a tag. Source: EC2 and ECS API references. */
export const aws: Provider = async (args, world) => {
  const service = args.oneOf('service', ['ec2', 'ecs']);
  const region = await awsRegion(args, world);
  const session = { region, world, credentials: await awsCredentials(args, world), endpoint: args.get('endpoint') };
  return service === 'ec2' ? await instances(args, session) : await tasks(args, session);
};

const domain = (region: string): string => (region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com');

async function instances(args: Arguments, session: Session): Promise<string[]> {
  const type = args.oneOf('addr_type', ['private_v4', 'public_v4', 'public_v6']);
  const url = session.endpoint || `https://ec2.${session.region}.${domain(session.region)}/`;
  const found: string[] = [];
  let next = '';
  for (let page = 0; page < PAGES_MAX; page++) {
    const form = new URLSearchParams({ Action: 'DescribeInstances', Version: '2016-11-15' });
    form.set('Filter.1.Name', `tag:${args.need('tag_key')}`);
    form.set('Filter.1.Value.1', args.need('tag_value'));
    form.set('Filter.2.Name', 'instance-state-name');
    form.set('Filter.2.Value.1', 'running');
    if (next !== '') form.set('NextToken', next);
    const headers = { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' };
    const { region, world, credentials } = session;
    const scope = { region, service: 'ec2', nowMs: world.nowMs() };
    const answer = await ask('aws', world, signedPost({ url, headers, body: form.toString() }, scope, credentials));
    const reply = parseXml(answer.body).find('DescribeInstancesResponse');
    if (reply === undefined) throw new DiscoverError('discover-aws: no DescribeInstancesResponse came');
    for (const reservation of reply.find('reservationSet')?.all('item') ?? []) {
      for (const instance of reservation.find('instancesSet')?.all('item') ?? []) {
        found.push(...addresses(instance, type));
      }
    }
    next = reply.textOf('nextToken');
    if (next === '') break;
  }
  return found;
}

function addresses(instance: Element, type: AddressType): string[] {
  if (type === 'private_v4') return [instance.textOf('privateIpAddress')].filter(Boolean);
  if (type === 'public_v4') return [instance.textOf('ipAddress')].filter(Boolean);
  // The first address of the first interface that has one.
  for (const item of instance.find('networkInterfaceSet')?.all('item') ?? []) {
    const address = item.textOf('ipv6AddressesSet', 'item', 'ipv6Address');
    if (address !== '') return [address];
  }
  return [];
}

const ECS_TASKS_PER_CALL = 100;

async function tasks(args: Arguments, session: Session): Promise<string[]> {
  const { region, world, credentials } = session;
  const url = session.endpoint || `https://ecs.${region}.${domain(region)}/`;
  const call = (action: string, body: unknown): Promise<Json> => {
    const target = `AmazonEC2ContainerServiceV20141113.${action}`;
    const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': target };
    const scope = { region, service: 'ecs', nowMs: world.nowMs() };
    return askJson('aws', world, signedPost({ url, headers, body: JSON.stringify(body) }, scope, credentials));
  };
  const list = async (action: string, key: string, body: object): Promise<string[]> => {
    const arns: string[] = [];
    let nextToken = '';
    for (let page = 0; page < PAGES_MAX; page++) {
      const answer = await call(action, nextToken === '' ? body : { ...body, nextToken });
      arns.push(...answer.list(key).map((arn) => arn.text()));
      nextToken = answer.text('nextToken');
      if (nextToken === '') break;
    }
    return arns;
  };
  const given = args.get('ecs_cluster');
  const clusters = given === '' ? await list('ListClusters', 'clusterArns', {}) : [given];
  const found: string[] = [];
  for (const cluster of clusters) {
    const family = args.get('ecs_family');
    const filter = { cluster, desiredStatus: 'RUNNING', ...(family === '' ? {} : { family }) };
    const arns = await list('ListTasks', 'taskArns', filter);
    for (let at = 0; at < arns.length; at += ECS_TASKS_PER_CALL) {
      const some = arns.slice(at, at + ECS_TASKS_PER_CALL);
      const answer = await call('DescribeTasks', { cluster, tasks: some, include: ['TAGS'] });
      for (const task of answer.list('tasks')) if (hasTag(args, task)) found.push(...taskAddresses(task));
    }
  }
  return found;
}

const hasTag = (args: Arguments, task: Json): boolean =>
  task
    .list('tags')
    .some((tag) => tag.text('key') === args.need('tag_key') && tag.text('value') === args.need('tag_value'));

const taskAddresses = (task: Json): string[] =>
  task
    .list('containers')
    .flatMap((container) => container.list('networkInterfaces'))
    .map((face) => face.text('privateIpv4Address'))
    .filter(Boolean);
