import type { Rng } from '@proconsul/base';

export const pick = <T>(rng: Rng, of: readonly T[]): T => of[rng.int(of.length)]!;
export const chance = (rng: Rng, p: number): boolean => rng.float() < p;
const some = <T extends object>(rng: Rng, p: number, fields: () => T): T | object => (chance(rng, p) ? fields() : {});

export const NODES = ['n1', 'N2', 'n-3', 'n_4', 'n.5', 'n6', 'six', 'far', 'nö', '-n', 'n8'];
export const SERVICES = ['web', 'Web2', 'web-3', 'api_v1', 'a.b', 'db', 'many', 'six', 'named', 'sick', 'ö'];
export const TAGS = ['v1', 'V2', 'a.b', 'udp', 'v_1'];
export const QUERIES = ['q1', 'Q2', 'q.3', 'geo-'];
/** Names outside the domain that the stand-in for a recursor knows, and one that it does not. */
export const OUTSIDE = ['one.example.org', 'two.example.org', 'alias.example.org', 'nope.example.org'];
const ADDRESSES = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '2001:db8::1', '2001:db8::2'];
const HOSTS = [
  ...OUTSIDE,
  'n1.node.consul',
  'web.service.consul',
  'One.Example.org.',
  'named.service.consul',
  'nope.node.consul',
];
const STATES = ['passing', 'passing', 'warning', 'critical'];
const METAS = [{ role: 'web' }, { 'rfc1035-x': 'plain', a: 'b' }, { RFC1035: 'v=spf1 ~all' }, { k: 'a=b`c' }, {}];

/** One write to the catalog over HTTP. */
export interface Write {
  readonly method: string;
  readonly path: string;
  readonly body: object;
}

const register = (body: object): Write => ({ method: 'PUT', path: '/v1/catalog/register', body });

function node(rng: Rng, name: string): object {
  const address =
    name === 'six' ? '2001:db8::6' : name === 'far' || chance(rng, 0.15) ? pick(rng, HOSTS) : pick(rng, ADDRESSES);
  return {
    Node: name,
    Address: address,
    ...some(rng, 0.3, () => ({ TaggedAddresses: { lan: '10.9.0.1', wan: '198.51.100.1' } })),
    ...some(rng, 0.5, () => ({ NodeMeta: pick(rng, METAS) })),
  };
}

function instance(rng: Rng, name: string, n: number): object {
  const address = name === 'named' || chance(rng, 0.1) ? pick(rng, HOSTS) : pick(rng, ['', '', ...ADDRESSES]);
  return {
    ID: `${name}-${n}`,
    Service: name,
    Port: pick(rng, [80, 8080, 0, 65535]),
    Address: name === 'many' ? `10.1.${n >> 8}.${n & 255}` : name === 'six' ? `2001:db8:6::${n + 1}` : address,
    ...some(rng, 0.6, () => ({ Tags: [pick(rng, TAGS), pick(rng, TAGS)] })),
    ...some(rng, 0.3, () => ({ Weights: { Passing: pick(rng, [0, 2, 65535]), Warning: pick(rng, [1, 3]) } })),
    ...some(rng, 0.1, () => ({ TaggedAddresses: { wan: { Address: '203.0.113.9', Port: 99 } } })),
    ...some(rng, 0.1, () => ({ Connect: { Native: true } })),
    ...some(rng, 0.1, () => ({
      Kind: 'connect-proxy',
      Port: 1,
      Proxy: { DestinationServiceName: pick(rng, SERVICES) },
    })),
  };
}

/** What both agents are told, in order. */
export function anyCatalog(rng: Rng): readonly Write[] {
  const writes = NODES.filter(() => chance(rng, 0.8)).map((name) => register(node(rng, name)));
  const nodes = writes.map(({ body }) => body as { readonly Node: string });
  for (const name of SERVICES) {
    const count = name === 'many' ? 1 + rng.int(60) : rng.int(5);
    for (let n = 0; n < count; n++) {
      const { Node } = pick(rng, nodes);
      const Status = name === 'sick' ? pick(rng, ['warning', 'critical']) : pick(rng, STATES);
      const check = { Node, CheckID: `${name}-${n}`, Name: 'c', ServiceID: `${name}-${n}`, Status };
      writes.push(
        register({
          ...{ Node, SkipNodeUpdate: true, Service: instance(rng, name, n) },
          ...some(rng, 0.7, () => ({ Check: check })),
        }),
      );
    }
  }
  if (chance(rng, 0.4)) {
    writes.push(
      register({
        ...{ Node: pick(rng, nodes).Node, SkipNodeUpdate: true },
        Check: { CheckID: 'whole', Name: 'whole', Status: pick(rng, ['warning', 'critical']) },
      }),
    );
  }
  for (const Name of QUERIES) {
    const body = {
      Name,
      ...some(rng, 0.5, () => ({ DNS: { TTL: pick(rng, ['7s', '0s', '1m']) } })),
      ...(Name === 'geo-' ? { Template: { Type: 'name_prefix_match' } } : {}),
      Service: {
        Service: Name === 'geo-' ? '$'.concat('{name.suffix}') : pick(rng, SERVICES),
        ...some(rng, 0.3, () => ({ OnlyPassing: true })),
        ...some(rng, 0.3, () => ({ Tags: [pick(rng, ['v1', '!v1', 'V2'])] })),
        ...some(rng, 0.1, () => ({ Near: '_agent' })),
      },
    };
    writes.push({ method: 'POST', path: '/v1/query', body });
  }
  return writes;
}

/** What the agents are configured with; `recursor` is where names outside the domain are answered. */
export function anyConfig(rng: Rng, recursor: string): Readonly<Record<string, unknown>> {
  return {
    dns_config: {
      ...some(rng, 0.3, () => ({ only_passing: true })),
      ...some(rng, 0.4, () => ({ udp_answer_limit: pick(rng, [0, 1, 2, 5, 8, 20]) })),
      ...some(rng, 0.3, () => ({ a_record_limit: pick(rng, [1, 2, 5]) })),
      ...some(rng, 0.5, () => ({ enable_truncate: true })),
      ...some(rng, 0.5, () => ({ node_ttl: pick(rng, ['10s', '1m', '1500ms']) })),
      ...some(rng, 0.5, () => ({
        service_ttl: pick<object>(rng, [
          { '*': '5s', web: '9s' },
          { 'w*': '4s', 'web*': '6s' },
          { db: '1h' },
          { Web2: '2s' },
        ]),
      })),
      ...some(rng, 0.3, () => ({ disable_compression: true })),
      ...some(rng, 0.3, () => ({ enable_additional_node_meta_txt: false })),
      ...some(rng, 0.3, () => ({ soa: { min_ttl: 60, refresh: 1, retry: 2, expire: 3 } })),
      ...some(rng, 0.2, () => ({ recursor_strategy: 'random', recursor_timeout: '1s' })),
    },
    ...some(rng, 0.4, () => ({ alt_domain: pick(rng, ['alt.example.', 'other', 'Alt.Other']) })),
    ...some(rng, 0.2, () => ({ domain: pick(rng, ['Corp.Example', 'x.']) })),
    ...some(rng, 0.5, () => ({ recursors: [recursor] })),
    ...some(rng, 0.2, () => ({ translate_wan_addrs: true })),
  };
}
