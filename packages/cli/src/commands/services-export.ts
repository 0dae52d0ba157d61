import { ApiError, type ConfigEntry } from '@proconsul/client';
import { columns } from '../columns.ts';
import { type Context, command } from '../command.ts';
import { toGoJson } from '../go-json.ts';

const exportFlags = {
  'consumer-partitions': { kind: 'string', doc: 'Partitions to export to, joined by commas (Enterprise edition).' },
  'consumer-peers': { kind: 'string', doc: 'Peered clusters to export to, joined by commas.' },
  name: { kind: 'string', doc: 'Name of the service to export.' },
} as const;

interface Consumer {
  Peer?: string;
  Partition?: string;
}

interface ExportedService {
  Name: string;
  Consumers?: Consumer[];
}

export const servicesExport = command({
  name: 'services export',
  args: '[options] -name <service name> -consumer-peers <other cluster name>',
  help:
    'Lets peered clusters, or other partitions, use a service. What is exported already stays exported.\n\n' +
    '    $ consul services export -name=web -consumer-peers=other-cluster',
  http: { scope: 'namespace' },
  flags: exportFlags,
  async run(c) {
    const { name } = c.flags;
    const peers = listOf(c.flags['consumer-peers']);
    const partitions = listOf(c.flags['consumer-partitions']);
    if (name === '') return c.fail('Missing the required -name flag');
    if (peers.length === 0 && partitions.length === 0) {
      return c.fail('Missing the required -consumer-peers or -consumer-partitions flag');
    }
    const consumers = [...peers.map((Peer) => ({ Peer })), ...partitions.map((Partition) => ({ Partition }))];
    await store(c, name, consumers);
    const targets: string[] = [];
    if (peers.length > 0) targets.push(`to cluster peers "${peers.join(',')}"`);
    if (partitions.length > 0) targets.push(`to partitions "${partitions.join(',')}"`);
    c.print(`Successfully exported service "${name}" ${targets.join(' and ')}`);
    return 0;
  },
});

const listOf = (text: string): string[] => text.split(',').filter((item) => item !== '');

async function store(c: Context<typeof exportFlags>, name: string, consumers: readonly Consumer[]): Promise<void> {
  const { config } = c.consul;
  const entry = await c.attempt('Error reading config entry exported-services/default: ', async () => {
    try {
      return (await config.read('exported-services', 'default')).value;
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return undefined;
      throw error;
    }
  });
  const services = (entry?.['Services'] ?? []) as ExportedService[];
  const existing = services.find((service) => service.Name === name);
  const known = new Set((existing?.Consumers ?? []).map((consumer) => JSON.stringify(consumer)));
  const merged = [...(existing?.Consumers ?? []), ...consumers.filter((one) => !known.has(JSON.stringify(one)))];
  const next: ConfigEntry = {
    Kind: 'exported-services',
    Name: 'default',
    Services: existing
      ? services.map((service) => (service === existing ? { ...service, Consumers: merged } : service))
      : [...services, { Name: name, Consumers: merged }],
  };
  const cas = entry?.ModifyIndex ?? 0;
  await c.attempt('Error writing config entry exported-services/default: ', async () => {
    const written = await config.write(next, { cas });
    if (!written) throw new Error('config entry was changed during update. please try again');
  });
}

interface Exported {
  Service: string;
  Consumers: { Peers?: string[]; Partitions?: string[] };
}

export const servicesExported = command({
  name: 'services exported-services',
  args: '[options]',
  help: 'Lists the services that are exported, and to whom.\n\n    $ consul services exported-services',
  http: { server: true, scope: 'partition' },
  flags: {
    filter: { kind: 'string', doc: 'Filter expression that the agent applies.' },
    format: { kind: 'string', default: 'pretty', doc: 'Output format {pretty|json}' },
  },
  async run(c) {
    const { format, filter } = c.flags;
    if (format !== 'pretty' && format !== 'json') return c.fail('Invalid format, valid formats are {pretty|json}');
    const { http } = c.consul;
    const { value } = await c.attempt('Error reading exported services: ', () =>
      http.read<Exported[] | null>('/v1/exported-services', { filter }),
    );
    if (!value?.length) {
      c.print('No exported services found');
      return 0;
    }
    if (format === 'json') c.print(toGoJson(value, '    '));
    else {
      const rows = value.map((row) => [row.Service, (row.Consumers.Peers ?? []).join(', ')]);
      c.print(columns([['Service', 'Consumer Peers'], ...rows]));
    }
    return 0;
  },
});
