import { ask, isV4, Json, PAGES_MAX } from '../answers.ts';
import type { Arguments } from '../arguments.ts';
import type { Provider } from '../discover.ts';
import { DiscoverError } from '../errors.ts';
import type { TlsChoice } from '../http.ts';
import type { World } from '../world.ts';

const given = (args: Arguments, world: World, key: string, variable: string): string =>
  args.get(key) || world.env[variable] || '';

interface Login {
  readonly token: string;
  readonly compute: string;
}

/** Source: OpenStack Identity API v3, "Password authentication" and "Token authentication". */
async function login(args: Arguments, world: World, tls: TlsChoice): Promise<Login> {
  const base = given(args, world, 'auth_url', 'OS_AUTH_URL').replace(/\/+$/, '');
  if (base === '') throw new DiscoverError('discover-os: auth_url must be given');
  const id = given(args, world, 'token', 'OS_AUTH_TOKEN');
  const name = given(args, world, 'user_name', 'OS_USERNAME');
  const password = given(args, world, 'password', 'OS_PASSWORD');
  const domain = { id: world.env['OS_USER_DOMAIN_ID'] || 'default' };
  const identity =
    id === ''
      ? { methods: ['password'], password: { user: { name, domain, password } } }
      : { methods: ['token'], token: { id } };
  const project = given(args, world, 'project_id', 'OS_PROJECT_ID');
  const scope = project === '' ? {} : { scope: { project: { id: project } } };
  const answer = await ask('os', world, {
    ...{ method: 'POST' as const, url: `${base}${/\/v3$/.test(base) ? '' : '/v3'}/auth/tokens`, tls },
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ auth: { identity, ...scope } }),
  });
  const region = world.env['OS_REGION_NAME'] ?? '';
  const compute = new Json(JSON.parse(answer.body))
    .list('token', 'catalog')
    .filter((service) => service.text('type') === 'compute')
    .flatMap((service) => service.list('endpoints'))
    .filter((endpoint) => endpoint.text('interface') === 'public')
    .find((endpoint) => region === '' || endpoint.text('region_id') === region);
  if (compute === undefined) throw new DiscoverError('discover-os: the catalog has no public compute endpoint');
  return { token: answer.header('X-Subject-Token'), compute: compute.text('url').replace(/\/+$/, '') };
}

/** Active servers whose metadata has a key with a value. Source: OpenStack Compute API, "List servers detailed". */
export const openstack: Provider = async (args, world) => {
  const [key, value] = [args.need('tag_key'), args.need('tag_value')];
  const tls = { insecure: args.flag('insecure') };
  const { token, compute } = await login(args, world, tls);
  const found: string[] = [];
  let url = `${compute}/servers/detail?status=ACTIVE`;
  for (let page = 0; page < PAGES_MAX && url !== ''; page++) {
    const answer = await ask('os', world, { url, tls, headers: { 'X-Auth-Token': token } });
    const json = new Json(JSON.parse(answer.body));
    for (const server of json.list('servers')) {
      if (server.text('metadata', key) === value) found.push(...addresses(server));
    }
    const next = json.list('servers_links').find((link) => link.text('rel') === 'next');
    url = next?.text('href') ?? '';
  }
  return found;
};

/** The first fixed address of IPv4. */
const addresses = (server: Json): string[] =>
  server
    .entries('addresses')
    .flatMap(([, network]) => network.list())
    .filter((entry) => (entry.text('OS-EXT-IPS:type') || 'fixed') === 'fixed' && isV4(entry.text('addr')))
    .map((entry) => entry.text('addr'))
    .slice(0, 1);
