import { askJson, type Json, PAGES_MAX } from '../answers.ts';
import type { Arguments } from '../arguments.ts';
import type { Provider } from '../discover.ts';
import { DiscoverError } from '../errors.ts';
import type { World } from '../world.ts';

/** Where each cloud logs in and is managed. Source: Azure documentation of sovereign clouds. */
const CLOUDS = {
  azurepubliccloud: { login: 'https://login.microsoftonline.com', manage: 'https://management.azure.com' },
  azurechinacloud: { login: 'https://login.chinacloudapi.cn', manage: 'https://management.chinacloudapi.cn' },
  azureusgovernmentcloud: { login: 'https://login.microsoftonline.us', manage: 'https://management.usgovcloudapi.net' },
} as const;
type Cloud = (typeof CLOUDS)[keyof typeof CLOUDS];

const API_VERSION = '2023-09-01';
const SCALE_SET_API_VERSION = '2018-10-01';
const METADATA = 'http://169.254.169.254/metadata/identity/oauth2/token';

function cloudOf(args: Arguments): Cloud {
  const name = (args.get('environment') || 'AzurePublicCloud').toLowerCase();
  if (!Object.hasOwn(CLOUDS, name))
    throw new DiscoverError(`discover-azure: unknown environment ${args.get('environment')}`);
  return CLOUDS[name as keyof typeof CLOUDS];
}

/** With a secret by the login service, else as the machine's own identity. */
async function token(args: Arguments, world: World, cloud: Cloud): Promise<string> {
  if (args.get('secret_access_key') === '' && args.get('client_id') === '') {
    const url = `${METADATA}?api-version=2018-02-01&resource=${encodeURIComponent(`${cloud.manage}/`)}`;
    return (await askJson('azure', world, { url, headers: { Metadata: 'true' } })).text('access_token');
  }
  const body = new URLSearchParams({
    ...{ grant_type: 'client_credentials', client_id: args.need('client_id') },
    ...{ client_secret: args.need('secret_access_key'), scope: `${cloud.manage}/.default` },
  }).toString();
  const url = `${cloud.login}/${encodeURIComponent(args.need('tenant_id'))}/oauth2/v2.0/token`;
  const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
  return (await askJson('azure', world, { method: 'POST', url, headers, body })).text('access_token');
}

/** Network interfaces with a tag, or all of a scale set. Source: Azure REST API reference, network interfaces. */
export const azure: Provider = async (args, world) => {
  const cloud = cloudOf(args);
  const subscription = args.need('subscription_id');
  const [tagName, tagValue] = [args.get('tag_name'), args.get('tag_value')];
  const [group, set] = [args.get('resource_group'), args.get('vm_scale_set')];
  const byTag = tagName !== '' && tagValue !== '';
  if (!byTag && (group === '' || set === '')) {
    throw new DiscoverError('discover-azure: tag_name and tag_value, or resource_group and vm_scale_set must be given');
  }
  const base = `${cloud.manage}/subscriptions/${encodeURIComponent(subscription)}`;
  let url = byTag
    ? `${base}/providers/Microsoft.Network/networkInterfaces?api-version=${API_VERSION}`
    : `${base}/resourceGroups/${encodeURIComponent(group)}/providers/Microsoft.Compute/virtualMachineScaleSets/${encodeURIComponent(set)}/networkInterfaces?api-version=${SCALE_SET_API_VERSION}`;
  const headers = { Authorization: `Bearer ${await token(args, world, cloud)}` };
  const found: string[] = [];
  for (let page = 0; page < PAGES_MAX && url !== ''; page++) {
    const answer = await askJson('azure', world, { url, headers });
    for (const face of answer.list('value')) {
      if (!byTag || face.text('tags', tagName) === tagValue) found.push(...addresses(face));
    }
    url = answer.text('nextLink');
  }
  return found;
};

const addresses = (face: Json): string[] =>
  face
    .list('properties', 'ipConfigurations')
    .map((config) => config.text('properties', 'privateIPAddress'))
    .filter(Boolean);
