import { homedir } from 'node:os';
import { join } from 'node:path';
import { ask, Json } from '../answers.ts';
import type { Arguments } from '../arguments.ts';
import { DiscoverError } from '../errors.ts';
import type { World } from '../world.ts';
import type { AwsCredentials } from './sigv4.ts';

const METADATA = 'http://169.254.169.254';
const CONTAINER = 'http://169.254.170.2';
/** The metadata service is near or not there. */
const METADATA_TIMEOUT_MS = 2000;

async function metadata(world: World, path: string): Promise<string> {
  const timeoutMs = METADATA_TIMEOUT_MS;
  const { body: token } = await ask('aws', world, {
    ...{ method: 'PUT' as const, url: `${METADATA}/latest/api/token`, timeoutMs },
    headers: { 'X-aws-ec2-metadata-token-ttl-seconds': '300' },
  });
  const headers = { 'X-aws-ec2-metadata-token': token };
  return (await ask('aws', world, { url: METADATA + path, headers, timeoutMs })).body;
}

const parse = (text: string): Json => {
  try {
    return new Json(JSON.parse(text));
  } catch {
    throw new DiscoverError('discover-aws: the metadata service did not answer with JSON');
  }
};

const temporary = (json: Json): AwsCredentials => ({
  ...{ accessKeyId: json.text('AccessKeyId'), secretAccessKey: json.text('SecretAccessKey') },
  sessionToken: json.text('Token'),
});

/** The profile of a shared credentials file; undefined when it has none. */
function fromProfile(file: string, profile: string): AwsCredentials | undefined {
  const values = new Map<string, string>();
  let section = '';
  for (const line of file.split('\n')) {
    const head = /^\s*\[\s*(.+?)\s*\]/.exec(line);
    if (head !== null) section = head[1] as string;
    const pair = /^\s*([\w-]+)\s*=\s*(.*?)\s*$/.exec(line);
    if (pair !== null && section === profile) values.set(pair[1] as string, pair[2] as string);
  }
  const [id, secret] = [values.get('aws_access_key_id'), values.get('aws_secret_access_key')];
  if (!id || !secret) return undefined;
  return { accessKeyId: id, secretAccessKey: secret, sessionToken: values.get('aws_session_token') ?? '' };
}

/**
 * Who asks, in this order: the arguments, the environment, the shared credentials file, the container, the machine's role.
 * Source: AWS documentation of the default credential chain.
 */
export async function awsCredentials(args: Arguments, world: World): Promise<AwsCredentials> {
  if (args.get('access_key_id') !== '' || args.get('secret_access_key') !== '') {
    return {
      accessKeyId: args.need('access_key_id'),
      secretAccessKey: args.need('secret_access_key'),
      sessionToken: args.get('session_token'),
    };
  }
  const { env } = world;
  const [id, secret] = [env['AWS_ACCESS_KEY_ID'], env['AWS_SECRET_ACCESS_KEY']];
  if (id && secret) return { accessKeyId: id, secretAccessKey: secret, sessionToken: env['AWS_SESSION_TOKEN'] ?? '' };
  const path = env['AWS_SHARED_CREDENTIALS_FILE'] || join(env['HOME'] || homedir(), '.aws', 'credentials');
  const file = await world.readFile(path);
  const profile = file === undefined ? undefined : fromProfile(file, env['AWS_PROFILE'] || 'default');
  if (profile !== undefined) return profile;
  const container = env['AWS_CONTAINER_CREDENTIALS_RELATIVE_URI'];
  if (container) {
    return temporary(parse((await ask('aws', world, { url: CONTAINER + container })).body));
  }
  const roles = '/latest/meta-data/iam/security-credentials/';
  const role = (await metadata(world, roles)).split('\n')[0]?.trim() ?? '';
  return temporary(parse(await metadata(world, roles + role)));
}

/** The region of the arguments, the environment or the machine. */
export async function awsRegion(args: Arguments, world: World): Promise<string> {
  const given = args.get('region') || world.env['AWS_REGION'] || world.env['AWS_DEFAULT_REGION'] || '';
  if (given !== '') return given;
  const region = parse(await metadata(world, '/latest/dynamic/instance-identity/document')).text('region');
  if (region === '') throw new DiscoverError('discover-aws: the region is neither given nor known to the machine');
  return region;
}
