import { createSign } from 'node:crypto';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { ask, askJson, Json, PAGES_MAX } from '../answers.ts';
import type { Arguments } from '../arguments.ts';
import type { Provider } from '../discover.ts';
import { DiscoverError } from '../errors.ts';
import type { World } from '../world.ts';

const METADATA = 'http://metadata.google.internal/computeMetadata/v1';
const FLAVOR = { 'Metadata-Flavor': 'Google' };
const COMPUTE = 'https://compute.googleapis.com/compute/v1/projects';
const SCOPE = 'https://www.googleapis.com/auth/compute.readonly';
const TOKEN_SECONDS = 3600;

const base64url = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A token for a service account's key. Source: Google documentation, "OAuth 2.0 for server to server applications". */
async function tokenOfAccount(account: Json, world: World): Promise<string> {
  const now = Math.floor(world.nowMs() / 1000);
  const aud = account.text('token_uri') || 'https://oauth2.googleapis.com/token';
  const claims = { iss: account.text('client_email'), scope: SCOPE, aud, iat: now, exp: now + TOKEN_SECONDS };
  const unsigned = `${base64url({ alg: 'RS256', typ: 'JWT' })}.${base64url(claims)}`;
  let signature: string;
  try {
    signature = createSign('RSA-SHA256').update(unsigned).sign(account.text('private_key'), 'base64url');
  } catch {
    throw new DiscoverError('discover-gce: the credentials file has no usable private key');
  }
  const body = new URLSearchParams({
    grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
    assertion: `${unsigned}.${signature}`,
  }).toString();
  const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
  return (await askJson('gce', world, { method: 'POST', url: aud, headers, body })).text('access_token');
}

async function tokenOfUser(user: Json, world: World): Promise<string> {
  const body = new URLSearchParams({
    ...{ grant_type: 'refresh_token', refresh_token: user.text('refresh_token') },
    ...{ client_id: user.text('client_id'), client_secret: user.text('client_secret') },
  }).toString();
  const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
  const url = 'https://oauth2.googleapis.com/token';
  return (await askJson('gce', world, { method: 'POST', url, headers, body })).text('access_token');
}

/** The file of the arguments, of the environment or of gcloud; else the machine's own account. */
async function token(args: Arguments, world: World): Promise<string> {
  const named = args.get('credentials_file') || world.env['GOOGLE_APPLICATION_CREDENTIALS'] || '';
  const usual = join(world.env['HOME'] || homedir(), '.config/gcloud/application_default_credentials.json');
  const file = await world.readFile(named || usual);
  if (file === undefined) {
    if (named !== '') throw new DiscoverError(`discover-gce: no credentials file ${named}`);
    const url = `${METADATA}/instance/service-accounts/default/token`;
    return (await askJson('gce', world, { url, headers: FLAVOR })).text('access_token');
  }
  let json: Json;
  try {
    json = new Json(JSON.parse(file));
  } catch {
    throw new DiscoverError(`discover-gce: the credentials file ${named || usual} is not JSON`);
  }
  return json.text('type') === 'authorized_user' ? await tokenOfUser(json, world) : await tokenOfAccount(json, world);
}

/** Instances with a network tag. Source: Compute Engine API reference, zones.list and instances.list. */
export const gce: Provider = async (args, world) => {
  const tag = args.need('tag_value');
  const project =
    args.get('project_name') ||
    (await ask('gce', world, { url: `${METADATA}/project/project-id`, headers: FLAVOR })).body.trim();
  const headers = { Authorization: `Bearer ${await token(args, world)}` };
  const base = `${COMPUTE}/${encodeURIComponent(project)}`;
  const pages = async (path: string): Promise<Json[]> => {
    const items: Json[] = [];
    let next = '';
    for (let page = 0; page < PAGES_MAX; page++) {
      const url = `${base}${path}?maxResults=500${next === '' ? '' : `&pageToken=${encodeURIComponent(next)}`}`;
      const answer = await askJson('gce', world, { url, headers });
      items.push(...answer.list('items'));
      next = answer.text('nextPageToken');
      if (next === '') break;
    }
    return items;
  };
  const pattern = zonePattern(args.get('zone_pattern'));
  const zones = (await pages('/zones')).map((zone) => zone.text('name')).filter((name) => pattern.test(name));
  const found: string[] = [];
  for (const zone of zones) {
    for (const instance of await pages(`/zones/${encodeURIComponent(zone)}/instances`)) {
      const tags = instance.list('tags', 'items').map((item) => item.text());
      if (tags.includes(tag)) found.push(instance.text('networkInterfaces', 0, 'networkIP'));
    }
  }
  return found.filter(Boolean);
};

function zonePattern(text: string): RegExp {
  try {
    return new RegExp(text === '' ? '' : `^(?:${text})$`);
  } catch {
    throw new DiscoverError(`discover-gce: zone_pattern is no regular expression: ${text}`);
  }
}
