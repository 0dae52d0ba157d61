import type { HealthCheck } from '@proconsul/client';
import { type Context, command } from '../command.ts';

/** Checks that maintenance mode registers. Source: recorded registrations. */
const NODE_CHECK = '_node_maintenance';
const SERVICE_CHECK_PREFIX = '_service_maintenance:';

const flags = {
  disable: { kind: 'bool', doc: 'Turn maintenance mode off.' },
  enable: { kind: 'bool', doc: 'Turn maintenance mode on.' },
  reason: { kind: 'string', doc: 'Why, for people; shown as the notes of the check.' },
  service: { kind: 'string', doc: 'ID of a service of this agent, in place of the whole node.' },
} as const;

export const maint = command({
  name: 'maint',
  args: '[options]',
  help:
    'Takes the node, or one service of the agent, out of all DNS and health answers by a critical check, and puts it\n' +
    'back. It lasts over restarts of the agent. Without -enable or -disable: shows what is in maintenance.\n\n' +
    '    $ consul maint -enable -service=web -reason="New disk"\n    $ consul maint -disable -service=web',
  http: {},
  flags,
  async run(c) {
    const { disable, enable, reason, service } = c.flags;
    if (enable && disable) return c.fail('Only one of -enable or -disable may be provided');
    if (!enable && reason !== '') return c.fail('Reason may only be provided with -enable');
    if (!enable && !disable) return service === '' ? list(c) : c.fail('Service requires either -enable or -disable');
    const { agent } = c.consul;
    const verb = enable ? 'enabling' : 'disabling';
    if (service === '') {
      await c.attempt(`Error ${verb} node maintenance: `, () => agent.nodeMaintenance(enable, reason));
      c.print(`Node maintenance is now ${enable ? 'enabled' : 'disabled'}`);
    } else {
      const toggle = () => agent.serviceMaintenance(service, enable, reason);
      await c.attempt(`Error ${verb} service maintenance: `, toggle);
      c.print(`Service maintenance is now ${enable ? 'enabled' : 'disabled'} for "${service}"`);
    }
    return 0;
  },
});

async function list(c: Context<typeof flags>): Promise<number> {
  const { agent } = c.consul;
  const self = await c.attempt('Error querying Consul agent: ', () => agent.self());
  const checks = Object.values(await c.attempt('Error getting checks: ', () => agent.checks()));
  const services = checks.filter((check) => check.CheckID.startsWith(SERVICE_CHECK_PREFIX));
  services.sort((a, b) => (a.CheckID < b.CheckID ? -1 : 1));
  for (const check of services) show(c, 'Service', 'ID:    ', check.CheckID.slice(SERVICE_CHECK_PREFIX.length), check);
  const node = checks.find((check) => check.CheckID === NODE_CHECK);
  if (node) show(c, 'Node', 'Name:  ', self.Config.NodeName, node);
  return 0;
}

function show(c: Context<typeof flags>, title: string, label: string, name: string, check: HealthCheck): void {
  c.print(`${title}:\n  ${label} ${name}\n  Reason: ${check.Notes}\n`);
}
