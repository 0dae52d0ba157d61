import type { AgentServiceRegistration, ServiceAddress } from '@proconsul/client';
import { CommandError, type Context, command } from '../command.ts';
import { goQuote } from '../flags.ts';
import { loadServiceFiles } from './service-files.ts';

const registerFlags = {
  address: { kind: 'string', doc: 'Address of the service.' },
  id: { kind: 'string', doc: 'ID of the service. Default: its name.' },
  kind: { kind: 'string', doc: 'Kind of the service, such as connect-proxy.' },
  meta: { kind: 'map', doc: 'Metadata key=value. May be repeated.' },
  name: { kind: 'string', doc: 'Name of the service.' },
  port: { kind: 'int', doc: 'Port of the service.' },
  socket: { kind: 'string', doc: 'Path of the unix socket of the service.' },
  tag: { kind: 'list', doc: 'Tag. May be repeated.' },
  'tagged-address': { kind: 'map', doc: 'Further address, as name=host:port. May be repeated.' },
} as const;

export const servicesRegister = command({
  name: 'services register',
  args: '[options] [FILE...]',
  help:
    'Registers services with the agent, from definition files in HCL or JSON, or one service from flags. Such a service\n' +
    'stays until it is deregistered.\n\n' +
    '    $ consul services register web.json\n    $ consul services register -name=web -port=80 -tag=v1',
  http: { server: true, scope: 'namespace' },
  flags: registerFlags,
  async run(c) {
    const services = await servicesToRegister(c);
    const { agent } = c.consul;
    for (const service of services) {
      const { Name } = service;
      await c.attempt(`Error registering service ${goQuote(Name)}: `, () => agent.registerService(service));
      c.print(`Registered service: ${Name}`);
    }
    return 0;
  },
});

async function servicesToRegister(c: Context<typeof registerFlags>): Promise<AgentServiceRegistration[]> {
  const { flags, args } = c;
  if (args.length > 0) {
    if (flags.name !== '') throw new CommandError('Service registration requires arguments or -id, not both.');
    return loadServiceFiles(c.io, args);
  }
  if (flags.name === '') throw new CommandError('Service registration requires at least one argument or flags.');
  const service: AgentServiceRegistration = {
    Kind: flags.kind,
    ID: flags.id,
    Name: flags.name,
    Port: flags.port,
    SocketPath: flags.socket,
    Address: flags.address,
    Tags: flags.tag,
    Meta: flags.meta,
    TaggedAddresses: taggedAddresses(flags['tagged-address']),
  };
  return [service];
}

function taggedAddresses(given: Readonly<Record<string, string>>): Record<string, ServiceAddress> {
  const out: Record<string, ServiceAddress> = {};
  for (const [name, text] of Object.entries(given)) {
    const m = /^(\[[^\]]*\]|[^:]*):([^:]*)$/.exec(text);
    if (!m) {
      const where = text === '' ? '' : `address ${text}: `;
      throw new CommandError(`Invalid Tagged Address: ${where}missing port in address`);
    }
    const [, host = '', port = ''] = m;
    if (!/^[+-]?\d+$/.test(port)) {
      throw new CommandError(`Invalid Tagged Address: strconv.Atoi: parsing ${goQuote(port)}: invalid syntax`);
    }
    out[name] = { Address: host.replace(/^\[|\]$/g, ''), Port: Number(port) };
  }
  return out;
}

export const servicesDeregister = command({
  name: 'services deregister',
  args: '[options] [FILE...]',
  help:
    'Deregisters services from the agent: those of definition files, or one by its ID.\n\n' +
    '    $ consul services deregister web.json\n    $ consul services deregister -id web',
  http: { server: true, scope: 'namespace' },
  flags: { id: { kind: 'string', doc: 'ID of the service.' } },
  async run(c) {
    const { id } = c.flags;
    if (c.args.length === 0 && id === '') {
      return c.fail('Service deregistration requires at least one argument or -id.');
    }
    if (c.args.length > 0 && id !== '') return c.fail('Service deregistration requires arguments or -id, not both.');
    const services = id === '' ? await loadServiceFiles(c.io, c.args) : [{ ID: id, Name: '' }];
    const { agent } = c.consul;
    for (const service of services) {
      const own = service.ID || service.Name;
      if (own === '') continue;
      await c.attempt(`Error deregistering service ${goQuote(service.Name)}: `, () => agent.deregisterService(own));
      c.print(`Deregistered service: ${own}`);
    }
    return 0;
  },
});
