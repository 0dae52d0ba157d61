import { homedir } from 'node:os';
import { join } from 'node:path';
import { ask, Json, PAGES_MAX } from '../answers.ts';
import type { Arguments } from '../arguments.ts';
import type { Provider } from '../discover.ts';
import { DiscoverError } from '../errors.ts';
import type { TlsChoice } from '../http.ts';
import type { World } from '../world.ts';
import { parseYaml } from '../yaml.ts';

const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';
/** Names the port to join: a number, or the name of a port of a container. Source: documentation of cloud auto-join. */
const PORT_ANNOTATION = 'consul.hashicorp.com/auto-join-port';

interface Cluster {
  readonly server: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: TlsChoice;
}

const decoded = (base64: string): string => Buffer.from(base64, 'base64').toString();

/** A value of the file, or the content of the file that it names. */
async function material(world: World, from: Json, name: string): Promise<string> {
  const data = from.text(`${name}-data`);
  if (data !== '') return decoded(data);
  const path = from.text(name);
  return path === '' ? '' : ((await world.readFile(path)) ?? '');
}

/** The cluster of a kubeconfig's present context. Source: Kubernetes documentation, "Organizing Cluster Access". */
async function fromKubeconfig(path: string, text: string, world: World): Promise<Cluster> {
  const json = new Json(parseYaml(text));
  const named = (list: string, key: string, name: string): Json =>
    json
      .list(list)
      .find((item) => item.text('name') === name)
      ?.at(key) ?? new Json(undefined);
  const context = named('contexts', 'context', json.text('current-context'));
  const cluster = named('clusters', 'cluster', context.text('cluster'));
  const user = named('users', 'user', context.text('user'));
  const server = cluster.text('server').replace(/\/+$/, '');
  if (server === '') throw new DiscoverError(`discover-k8s: ${path} names no cluster for its context`);
  const tokenFile = user.text('tokenFile');
  const token = user.text('token') || (tokenFile === '' ? '' : ((await world.readFile(tokenFile)) ?? '').trim());
  const headers: Record<string, string> = token === '' ? {} : { Authorization: `Bearer ${token}` };
  if (user.text('username') !== '') {
    const login = Buffer.from(`${user.text('username')}:${user.text('password')}`).toString('base64');
    headers['Authorization'] = `Basic ${login}`;
  }
  const [ca, cert, key] = await Promise.all([
    material(world, cluster, 'certificate-authority'),
    material(world, user, 'client-certificate'),
    material(world, user, 'client-key'),
  ]);
  const tls = {
    insecure: cluster.at('insecure-skip-tls-verify').isTrue(),
    ...(ca === '' ? {} : { ca }),
    ...(cert === '' ? {} : { cert }),
    ...(key === '' ? {} : { key }),
  };
  return { server, headers, tls };
}

/** The file of the arguments, the pod's own account, or the usual file. */
async function clusterOf(args: Arguments, world: World): Promise<Cluster> {
  const named = args.get('kubeconfig') || world.env['KUBECONFIG'] || '';
  const host = world.env['KUBERNETES_SERVICE_HOST'] ?? '';
  if (named === '' && host !== '') {
    const token = await world.readFile(`${ACCOUNT}/token`);
    const ca = await world.readFile(`${ACCOUNT}/ca.crt`);
    if (token !== undefined) {
      const bracketed = host.includes(':') ? `[${host}]` : host;
      const server = `https://${bracketed}:${world.env['KUBERNETES_SERVICE_PORT'] || '443'}`;
      const headers = { Authorization: `Bearer ${token.trim()}` };
      return { server, headers, tls: ca === undefined ? {} : { ca } };
    }
  }
  const path = named || join(world.env['HOME'] || homedir(), '.kube', 'config');
  const text = await world.readFile(path);
  if (text === undefined) throw new DiscoverError(`discover-k8s: no kubeconfig ${path}`);
  return await fromKubeconfig(path, text, world);
}

/** Running pods that selectors choose. Source: Kubernetes API reference, "list or watch objects of kind Pod". */
export const k8s: Provider = async (args, world) => {
  const cluster = await clusterOf(args, world);
  const namespace = args.get('namespace');
  const onHost = args.flag('host_network');
  const path = namespace === '' ? '/api/v1/pods' : `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods`;
  const query = new URLSearchParams({ limit: '500' });
  if (args.get('label_selector') !== '') query.set('labelSelector', args.get('label_selector'));
  if (args.get('field_selector') !== '') query.set('fieldSelector', args.get('field_selector'));
  const found: string[] = [];
  for (let page = 0; page < PAGES_MAX; page++) {
    const request = { url: `${cluster.server}${path}?${query}`, headers: cluster.headers, tls: cluster.tls };
    const answer = new Json(parseYaml((await ask('k8s', world, request)).body));
    for (const pod of answer.list('items')) {
      if (pod.text('status', 'phase') === 'Running') found.push(...address(pod, onHost));
    }
    const next = answer.text('metadata', 'continue');
    if (next === '') break;
    query.set('continue', next);
  }
  return found;
};

function address(pod: Json, onHost: boolean): string[] {
  const ip = pod.text('status', onHost ? 'hostIP' : 'podIP');
  if (ip === '') return [];
  const annotation = pod.text('metadata', 'annotations', PORT_ANNOTATION);
  if (annotation === '') return [ip];
  const ports = pod.list('spec', 'containers').flatMap((container) => container.list('ports'));
  const port = ports.find((entry) => entry.text('name') === annotation);
  const number = port === undefined ? annotation : port.text(onHost ? 'hostPort' : 'containerPort');
  if (!/^\d+$/.test(number))
    throw new DiscoverError(`discover-k8s: pod ${pod.text('metadata', 'name')} has no port ${annotation}`);
  return [ip.includes(':') ? `[${ip}]:${number}` : `${ip}:${number}`];
}
