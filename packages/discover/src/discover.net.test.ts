import { createSign, generateKeyPairSync, verify } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { silentLog } from '@proconsul/base';
import { encodeMessage, parseAddress, type ResourceRecord, RRType } from '@proconsul/dns-wire';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DISCOVERY_METHODS, discover } from './discover.ts';
import { httpSend } from './http.ts';
import type { World } from './world.ts';

/** What the fake clouds answer: `METHOD host/path` (the query too, where it matters) to a body, or what makes one. */
type Answers = Readonly<Record<string, unknown>>;
interface Seen {
  readonly what: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

let answers: Answers = {};
let seen: Seen[] = [];
let base = '';

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const what = `${request.method} ${decodeURIComponent((request.url as string).slice(1))}`;
    seen.push({ what, headers: request.headers, body: Buffer.concat(chunks).toString() });
    const key = [what, what.replace(/\?.*/s, '')].find((k) => Object.hasOwn(answers, k));
    if (key === undefined) {
      response.writeHead(404).end(`nothing at ${what}`);
      return;
    }
    const answer = answers[key];
    response.setHeader('X-Subject-Token', 'subject');
    response.end(typeof answer === 'string' ? answer : JSON.stringify(answer));
  });
});

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

const NOW = Date.UTC(2024, 0, 2, 3, 4, 5);

function ask(text: string, given: Answers, world: Partial<World> = {}): Promise<string[]> {
  answers = given;
  seen = [];
  return discover(text, {
    world: {
      ...{ env: {}, log: silentLog, nowMs: () => NOW, readFile: async () => undefined },
      // Every host is a folder of the loopback server.
      send: (request) =>
        httpSend({ ...request, url: request.url.replace(/^https?:\/\//, base), headers: headersOf(request.headers) }),
      ...world,
    },
  });
}
const headersOf = (headers: Readonly<Record<string, string>> = {}) =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => name.toLowerCase() !== 'host'));

const instance = (ip: string, publicIp: string, v6: string) =>
  `<item><instanceId>i</instanceId><privateIpAddress>${ip}</privateIpAddress><ipAddress>${publicIp}</ipAddress>
   <networkInterfaceSet><item><privateIpAddress>9.9.9.9</privateIpAddress><ipv6AddressesSet>${v6 && `<item><ipv6Address>${v6}</ipv6Address></item>`}</ipv6AddressesSet></item></networkInterfaceSet></item>`;
const reservations = (...instances: string[]) =>
  `<?xml version="1.0"?><DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><reservationSet><item><instancesSet>${instances.join('')}</instancesSet></item></reservationSet></DescribeInstancesResponse>`;
const AWS = 'provider=aws region=eu-west-1 tag_key=role tag_value=server access_key_id=AK secret_access_key=SK';
const EC2 = {
  'POST ec2.eu-west-1.amazonaws.com/': reservations(
    instance('10.0.0.1', '1.2.3.4', '2001:db8::1'),
    instance('10.0.0.2', '', ''),
  ),
};

describe('aws', () => {
  test.for([
    ['', ['10.0.0.1', '10.0.0.2']],
    [' addr_type=public_v4', ['1.2.3.4']],
    [' addr_type=public_v6', ['2001:db8::1']],
  ] as const)('instances with a tag%s', async ([more, found]) => {
    expect(await ask(AWS + more, EC2)).toEqual(found);
    expect(Object.fromEntries(new URLSearchParams(seen[0]?.body))).toMatchObject({
      ...{ Action: 'DescribeInstances', 'Filter.1.Name': 'tag:role', 'Filter.1.Value.1': 'server' },
      ...{ 'Filter.2.Name': 'instance-state-name', 'Filter.2.Value.1': 'running' },
    });
    expect(seen[0]?.headers.authorization).toContain('Credential=AK/20240102/eu-west-1/ec2/aws4_request');
  });

  test('the machine tells its region and its role', async () => {
    const found = await ask('provider=aws tag_key=role tag_value=server', {
      ...EC2,
      'PUT 169.254.169.254/latest/api/token': 'tok',
      'GET 169.254.169.254/latest/dynamic/instance-identity/document': { region: 'eu-west-1' },
      'GET 169.254.169.254/latest/meta-data/iam/security-credentials/': 'join',
      'GET 169.254.169.254/latest/meta-data/iam/security-credentials/join': {
        ...{ AccessKeyId: 'RK', SecretAccessKey: 'S', Token: 'T' },
      },
    });
    expect(found).toEqual(['10.0.0.1', '10.0.0.2']);
    expect(seen.at(-1)?.headers).toMatchObject({ 'x-amz-security-token': 'T' });
    expect(seen.at(-1)?.headers.authorization).toContain('Credential=RK/');
  });

  test('the shared file is read', async () => {
    const file =
      '[other]\naws_access_key_id = X\naws_secret_access_key = Y\n[default]\naws_access_key_id = FK\naws_secret_access_key = S\n';
    const world = {
      readFile: async (path: string) => (path === '/h/.aws/credentials' ? file : undefined),
      env: { HOME: '/h' },
    };
    await ask('provider=aws region=eu-west-1 tag_key=a tag_value=b', EC2, world);
    expect(seen[0]?.headers.authorization).toContain('Credential=FK/');
  });

  test('tasks of ECS with a tag', async () => {
    const task = (value: string, ip: string) => ({
      tags: [{ key: 'role', value }],
      containers: [{ networkInterfaces: [{ privateIpv4Address: ip }] }],
    });
    let call = 0;
    const replies = [{ taskArns: ['a', 'b'] }, { tasks: [task('server', '10.1.0.1'), task('web', '10.1.0.2')] }];
    const given = {
      get 'POST ecs.eu-west-1.amazonaws.com/'() {
        return replies[call++];
      },
    };
    expect(await ask(`${AWS} service=ecs ecs_cluster=main`, given)).toEqual(['10.1.0.1']);
    expect(seen.map((s) => s.headers['x-amz-target'])).toEqual([
      'AmazonEC2ContainerServiceV20141113.ListTasks',
      'AmazonEC2ContainerServiceV20141113.DescribeTasks',
    ]);
  });
});

const face = (ip: string, tags: object) => ({
  tags,
  properties: { ipConfigurations: [{ properties: { privateIPAddress: ip } }] },
});
const guest = (ip: string, name: string, tag: string) => ({
  ...{ primaryBackendIpAddress: ip, datacenter: { name } },
  tagReferences: [{ tag: { name: tag } }],
});
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

describe('each cloud gives the machines that are described', () => {
  test.for([
    [
      'provider=azure subscription_id=S tenant_id=T client_id=C secret_access_key=K tag_name=role tag_value=server',
      {
        'POST login.microsoftonline.com/T/oauth2/v2.0/token': { access_token: 'AT' },
        'GET management.azure.com/subscriptions/S/providers/Microsoft.Network/networkInterfaces': {
          value: [face('10.0.0.1', { role: 'server' }), face('10.0.0.2', { role: 'web' })],
        },
      },
      ['10.0.0.1'],
      { authorization: 'Bearer AT' },
    ],
    [
      'provider=azure subscription_id=S resource_group=G vm_scale_set=V',
      {
        'GET 169.254.169.254/metadata/identity/oauth2/token': { access_token: 'MI' },
        'GET management.azure.com/subscriptions/S/resourceGroups/G/providers/Microsoft.Compute/virtualMachineScaleSets/V/networkInterfaces':
          { value: [face('10.0.0.1', {}), face('10.0.0.2', {})] },
      },
      ['10.0.0.1', '10.0.0.2'],
      { authorization: 'Bearer MI' },
    ],
    [
      'provider=digitalocean region=ams3 tag_name=consul api_token=K',
      {
        'GET api.digitalocean.com/v2/droplets': {
          droplets: [
            {
              status: 'active',
              region: { slug: 'ams3' },
              networks: {
                v4: [
                  { type: 'public', ip_address: '1.1.1.1' },
                  { type: 'private', ip_address: '10.0.0.1' },
                ],
              },
            },
            {
              status: 'active',
              region: { slug: 'nyc1' },
              networks: { v4: [{ type: 'private', ip_address: '10.0.0.2' }] },
            },
          ],
        },
      },
      ['10.0.0.1'],
      { authorization: 'Bearer K' },
    ],
    [
      'provider=linode region=us-east tag_name=consul address_type=private_v4 api_token=K',
      {
        'GET api.linode.com/v4/linode/instances': {
          pages: 1,
          data: [
            { id: 1, status: 'running', ipv4: ['1.2.3.4', '192.168.1.5'] },
            { id: 2, status: 'offline', ipv4: ['192.168.1.6'] },
          ],
        },
      },
      ['192.168.1.5'],
      { 'x-filter': '{"tags":"consul","region":"us-east"}' },
    ],
    [
      'provider=packet auth_token=K project=P facility=ams1 tag=consul address_type=private_v4',
      {
        'GET api.equinix.com/metal/v1/projects/P/devices': {
          meta: { last_page: 1 },
          devices: [
            {
              tags: ['consul'],
              facility: { code: 'ams1' },
              ip_addresses: [
                { address: '1.1.1.1', public: true },
                { address: '10.0.0.1', public: false },
              ],
            },
            { tags: [], facility: { code: 'ams1' }, ip_addresses: [{ address: '10.0.0.2', public: false }] },
          ],
        },
      },
      ['10.0.0.1'],
      { 'x-auth-token': 'K' },
    ],
    [
      'provider=scaleway organization=O tag_name=consul token=K region=par1',
      {
        'GET api.scaleway.com/instance/v1/zones/fr-par-1/servers': {
          servers: [{ private_ip: '10.0.0.1' }, { private_ip: null }],
        },
      },
      ['10.0.0.1'],
      { 'x-auth-token': 'K' },
    ],
    [
      'provider=softlayer datacenter=ams03 tag_value=consul username=u api_key=k',
      {
        'GET api.softlayer.com/rest/v3.1/SoftLayer_Account/getVirtualGuests.json': [
          ...[
            guest('10.0.0.1', 'ams03', 'consul'),
            guest('10.0.0.2', 'dal10', 'consul'),
            guest('10.0.0.3', 'ams03', 'x'),
          ],
        ],
      },
      ['10.0.0.1'],
      { authorization: `Basic ${Buffer.from('u:k').toString('base64')}` },
    ],
    [
      'provider=tencentcloud region=ap-guangzhou tag_key=a tag_value=b address_type=public_v4 access_key_id=I access_key_secret=S',
      {
        'POST cvm.tencentcloudapi.com/': {
          Response: { InstanceSet: [{ PrivateIpAddresses: ['10.0.0.1'], PublicIpAddresses: ['1.2.3.4'] }] },
        },
      },
      ['1.2.3.4'],
      { 'x-tc-action': 'DescribeInstances', 'x-tc-region': 'ap-guangzhou' },
    ],
    [
      'provider=aliyun region=cn-beijing tag_key=a tag_value=b access_key_id=I access_key_secret=S',
      {
        'GET ecs.aliyuncs.com/': {
          Instances: {
            Instance: [
              { VpcAttributes: { PrivateIpAddress: { IpAddress: ['10.0.0.1'] } } },
              { InnerIpAddress: { IpAddress: ['10.0.0.2'] } },
            ],
          },
        },
      },
      ['10.0.0.1', '10.0.0.2'],
      {},
    ],
    [
      'provider=os auth_url=https://key/v3 user_name=u password=p project_id=P tag_key=role tag_value=server',
      {
        'POST key/v3/auth/tokens': {
          token: { catalog: [{ type: 'compute', endpoints: [{ interface: 'public', url: 'https://nova/v2.1' }] }] },
        },
        'GET nova/v2.1/servers/detail': {
          servers: [
            {
              metadata: { role: 'server' },
              addresses: { net: [{ addr: 'fd00::1' }, { addr: '10.0.0.1', 'OS-EXT-IPS:type': 'fixed' }] },
            },
            { metadata: {}, addresses: { net: [{ addr: '10.0.0.2' }] } },
          ],
        },
      },
      ['10.0.0.1'],
      { 'x-auth-token': 'subject' },
    ],
    [
      'provider=gce project_name=p zone_pattern=eu-.* tag_value=consul',
      {
        'GET metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token': {
          access_token: 'GT',
        },
        'GET compute.googleapis.com/compute/v1/projects/p/zones': { items: [{ name: 'eu-a' }, { name: 'us-a' }] },
        'GET compute.googleapis.com/compute/v1/projects/p/zones/eu-a/instances': {
          items: [
            { tags: { items: ['consul'] }, networkInterfaces: [{ networkIP: '10.0.0.1' }] },
            { tags: { items: ['web'] }, networkInterfaces: [{ networkIP: '10.0.0.2' }] },
          ],
        },
      },
      ['10.0.0.1'],
      { authorization: 'Bearer GT' },
    ],
    [
      'provider=vsphere category_name=consul tag_name=server host=vc user=u password=p timeout=10s',
      {
        'POST vc/rest/com/vmware/cis/session': { value: 'SID' },
        'GET vc/rest/com/vmware/cis/tagging/category': { value: ['c1', 'c2'] },
        'GET vc/rest/com/vmware/cis/tagging/category/id:c1': { value: { name: 'other' } },
        'GET vc/rest/com/vmware/cis/tagging/category/id:c2': { value: { name: 'consul' } },
        'POST vc/rest/com/vmware/cis/tagging/tag/id:c2?~action=list-tags-for-category': { value: ['t1'] },
        'GET vc/rest/com/vmware/cis/tagging/tag/id:t1': { value: { name: 'server' } },
        'POST vc/rest/com/vmware/cis/tagging/tag-association/id:t1?~action=list-attached-objects': {
          value: [
            { type: 'VirtualMachine', id: 'vm-1' },
            { type: 'Host', id: 'h' },
          ],
        },
        'GET vc/rest/vcenter/vm/vm-1/guest/networking/interfaces': {
          value: [{ ip: { ip_addresses: [{ ip_address: 'fe80::1' }, { ip_address: '10.0.0.1' }] } }],
        },
      },
      ['10.0.0.1'],
      { 'vmware-api-session-id': 'SID' },
    ],
  ] as const)('%s', async ([text, given, found, headers]) => {
    expect(await ask(text, given)).toEqual(found);
    expect(seen.at(-1)?.headers).toMatchObject(headers);
  });

  test('gce: a service account signs for itself', async () => {
    const account = {
      type: 'service_account',
      client_email: 'a@p',
      private_key: pem,
      token_uri: 'https://oauth/token',
    };
    const readFile = async (path: string) => (path === '/key.json' ? JSON.stringify(account) : undefined);
    await ask(
      'provider=gce project_name=p tag_value=consul credentials_file=/key.json',
      { 'POST oauth/token': { access_token: 'T' }, 'GET compute.googleapis.com/compute/v1/projects/p/zones': {} },
      { readFile },
    );
    const [head, claims, signature] = (new URLSearchParams(seen[0]?.body).get('assertion') ?? '').split('.') as [
      string,
      string,
      string,
    ];
    expect(verify('RSA-SHA256', Buffer.from(`${head}.${claims}`), publicKey, Buffer.from(signature, 'base64url'))).toBe(
      true,
    );
    expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toMatchObject({ iss: 'a@p', iat: NOW / 1000 });
  });

  test('triton: the date is signed with the key of the environment', async () => {
    const found = await ask(
      'provider=triton url=https://cloudapi account=me key_id=ab:cd tag_key=role tag_value=server',
      { 'GET cloudapi/me/machines': [{ primaryIp: '10.0.0.1' }] },
      { env: { TRITON_KEY_MATERIAL: pem } },
    );
    expect(found).toEqual(['10.0.0.1']);
    const { date, authorization } = (seen[0] as Seen).headers;
    const signature = createSign('RSA-SHA256').update(`date: ${date}`).sign(privateKey, 'base64');
    expect(authorization).toBe(
      `Signature keyId="/me/keys/ab:cd",algorithm="rsa-sha256",headers="date",signature="${signature}"`,
    );
  });
});

describe('k8s', () => {
  const pod = (podIP: string, more: object = {}, spec: object = {}) => ({
    metadata: { name: 'p', ...more },
    spec: { containers: [spec] },
    status: { phase: 'Running', podIP, hostIP: '192.168.0.1' },
  });
  const port = { annotations: { 'consul.hashicorp.com/auto-join-port': 'serf' } };
  const pods = {
    items: [
      pod('10.0.0.1'),
      pod('10.0.0.2', port, { ports: [{ name: 'serf', containerPort: 8301, hostPort: 9301 }] }),
      { ...pod('10.0.0.3'), status: { phase: 'Pending', podIP: '10.0.0.3' } },
    ],
  };

  test('pods by the account of the own pod', async () => {
    const world = {
      env: { KUBERNETES_SERVICE_HOST: '10.9.0.1', KUBERNETES_SERVICE_PORT: '6443' },
      readFile: async (path: string) =>
        path.endsWith('/token') ? 'sa\n' : path.endsWith('/ca.crt') ? 'CA' : undefined,
    };
    const text = 'provider=k8s namespace=consul label_selector="app=consul,component=server"';
    const given = { 'GET 10.9.0.1:6443/api/v1/namespaces/consul/pods': pods };
    expect(await ask(text, given, world)).toEqual(['10.0.0.1', '10.0.0.2:8301']);
    expect(seen[0]?.headers.authorization).toBe('Bearer sa');
    expect(seen[0]?.what).toContain('labelSelector=app=consul,component=server');
    expect(await ask(`${text} host_network=true`, given, world)).toEqual(['192.168.0.1', '192.168.0.1:9301']);
  });

  test('pods by a kubeconfig', async () => {
    const file =
      'current-context: c\ncontexts:\n- name: c\n  context:\n    cluster: k\n    user: u\nclusters:\n- name: k\n  cluster:\n    server: https://kube\nusers:\n- name: u\n  user:\n    token: UT\n';
    const readFile = async (path: string) => (path === '/kc' ? file : undefined);
    expect(await ask('provider=k8s kubeconfig=/kc', { 'GET kube/api/v1/pods': pods }, { readFile })).toHaveLength(2);
    expect(seen[0]?.headers.authorization).toBe('Bearer UT');
    await expect(ask('provider=k8s kubeconfig=/none', {})).rejects.toThrow('discover-k8s: no kubeconfig /none');
  });
});

describe('mdns', () => {
  const records: ResourceRecord[] = [
    { kind: 'PTR', name: '_consul._tcp.local.', ttl: 10, target: 'a._consul._tcp.local.' },
    { kind: 'SRV', name: 'a._consul._tcp.local.', ttl: 10, priority: 0, weight: 0, port: 8301, target: 'a.local.' },
    { kind: 'A', name: 'a.local.', ttl: 10, address: parseAddress('10.0.0.1') as Uint8Array },
    { kind: 'AAAA', name: 'a.local.', ttl: 10, address: parseAddress('fd00::1') as Uint8Array },
  ];
  const flags = {
    opcode: 0,
    authoritative: true,
    truncated: false,
    recursionDesired: false,
    recursionAvailable: false,
  };
  const more = { authenticData: false, checkingDisabled: false, rcode: 0, questions: [], authority: [] };
  const answer = encodeMessage({
    id: 0,
    response: true,
    ...flags,
    ...more,
    answers: records.slice(0, 1),
    additional: records.slice(1),
  });

  test('a service of the link comes with its port; rubbish is passed over', async () => {
    const asked: Uint8Array[] = [];
    const multicast: World['multicast'] = async ({ query }) => {
      asked.push(query);
      return [new Uint8Array([1, 2]), answer, answer];
    };
    expect(await ask('provider=mdns service=_consul._tcp timeout=1ms', {}, { multicast })).toEqual([
      '10.0.0.1:8301',
      '[fd00::1]:8301',
    ]);
    expect(await ask('provider=mdns service=_consul._tcp v6=false', {}, { multicast })).toEqual(['10.0.0.1:8301']);
    expect([...(asked[0] as Uint8Array).subarray(-4)]).toEqual([0, RRType.PTR, 0, 1]);
  });
});

const KNOWN =
  'aliyun aws azure digitalocean gce hcp k8s linode mdns os packet scaleway softlayer tencentcloud triton vsphere';

describe('what goes wrong is told', () => {
  test.for([
    ['provider=bogus a=b', `discover: unknown provider bogus (known: ${KNOWN})`],
    ['a=b', 'discover: no provider'],
    ['provider=__proto__', `discover: unknown provider __proto__ (known: ${KNOWN})`],
    ['provider=hcp', 'discover-hcp: this cluster is not linked with the HashiCorp Cloud Platform'],
    ['provider=digitalocean', 'discover-digitalocean: region must be given'],
    ['provider=azure subscription_id=S environment=moon', 'discover-azure: unknown environment moon'],
    ['provider=mdns service=x timeout=soon', 'discover-mdns: timeout is no duration: soon'],
    [
      'provider=digitalocean region=a tag_name=b api_token=c',
      'discover-digitalocean: GET https://api.digitalocean.com/v2/droplets: status 404: nothing at GET api.digitalocean.com/v2/droplets',
    ],
  ] as const)('%s', async ([text, error]) => {
    await expect(ask(text, {})).rejects.toThrow(error);
  });

  test('the known ones are these', () => {
    expect(DISCOVERY_METHODS.join(' ')).toBe(KNOWN);
  });

  test('answers that are not JSON, and servers that are not there', async () => {
    const text = 'provider=digitalocean region=a tag_name=b api_token=c';
    await expect(ask(text, { 'GET api.digitalocean.com/v2/droplets': '<html>' })).rejects.toThrow('is not JSON');
    const world = { send: () => httpSend({ url: 'http://127.0.0.1:1/' }) };
    await expect(ask(text, {}, world)).rejects.toThrow('discover-digitalocean: GET http://127.0.0.1:1/: ');
  });
});
