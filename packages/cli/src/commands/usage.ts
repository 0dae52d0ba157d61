import type { DatacenterUsage } from '@proconsul/client';
import { columns } from '../columns.ts';
import { command } from '../command.ts';

const GAP = '      ';

export const usageInstances = command({
  name: 'operator usage instances',
  args: '[options]',
  help: 'Counts services, service instances and nodes, by kind.',
  http: { server: true },
  flags: {
    'all-datacenters': { kind: 'bool', doc: 'Count in every datacenter.' },
    billable: { kind: 'bool', doc: 'Only what is billable. Not together with -connect.' },
    connect: { kind: 'bool', doc: 'Only proxies, gateways and native instances. Not together with -billable.' },
  },
  async run(c) {
    const { billable, connect } = c.flags;
    const all = c.flags['all-datacenters'];
    if (c.args.length > 0) return c.fail(`Too many arguments (expected 0, got ${c.args.length})`);
    if (billable && connect) return c.fail('Cannot specify both -billable and -connect flags');
    const { operator } = c.consul;
    const usage = await c.attempt('Error fetching usage information: ', () => operator.usage({ global: all }));
    const rows = Object.entries(usage).sort(([a], [b]) => (a < b ? -1 : 1));
    const parts: string[] = [];
    if (!connect) parts.push(totals(rows), services(rows, all), nodes(rows));
    if (!billable) parts.push(connectServices(rows, all));
    c.io.write(`${parts.join('\n')}${billable ? '\n' : ''}`);
    return 0;
  },
});

type Rows = readonly (readonly [datacenter: string, usage: DatacenterUsage])[];

const sum = (rows: Rows, of: (usage: DatacenterUsage) => number): number =>
  rows.reduce((total, [, usage]) => total + of(usage), 0);

function totals(rows: Rows): string {
  const lines = [`Billable Service Instances Total: ${sum(rows, (u) => u.BillableServiceInstances)}`];
  for (const [dc, usage] of rows) lines.push(`${dc} Billable Service Instances: ${usage.BillableServiceInstances}`);
  return `${lines.join('\n')}\n`;
}

function services(rows: Rows, all: boolean): string {
  const counts = (u: DatacenterUsage) => [String(u.Services), String(u.BillableServiceInstances)];
  if (!all) {
    return `Billable Services\n${columns([['Services', 'Service instances'], ...rows.map(([, u]) => counts(u))], GAP)}\n\n`;
  }
  const table = [
    ['Datacenter', 'Services', 'Service instances'],
    ...rows.map(([dc, u]) => [dc, ...counts(u)]),
    ['', '', ''],
    ['Total', String(sum(rows, (u) => u.Services)), String(sum(rows, (u) => u.BillableServiceInstances))],
  ];
  return `Billable Services\n${columns(table, GAP)}\n\n`;
}

function nodes(rows: Rows): string {
  const table = [
    // The empty last cells keep the padding that the table is known by.
    ['Datacenter', 'Count', '', ''],
    ...rows.map(([dc, u]) => [dc, String(u.Nodes)]),
    ['', ''],
    ['Total', String(sum(rows, (u) => u.Nodes))],
  ];
  return `Nodes\n${columns(table, GAP)}\n\n`;
}

function connectServices(rows: Rows, all: boolean): string {
  const kinds = (u: DatacenterUsage) => Object.entries(u.ConnectServiceInstances).sort(([a], [b]) => (a < b ? -1 : 1));
  if (!all) {
    const table = rows.flatMap(([, u]) => kinds(u).map(([kind, count]) => [kind, String(count)]));
    return `Connect Services\n${columns([['Type', 'Service instances'], ...table], GAP)}\n`;
  }
  const total = sum(rows, (u) => kinds(u).reduce((t, [, count]) => t + count, 0));
  const table = [
    ['Datacenter', 'Type', 'Service instances'],
    ...rows.flatMap(([dc, u]) => kinds(u).map(([kind, count]) => [dc, kind, String(count)])),
    ['', '', ''],
    ['Total', '', String(total)],
  ];
  return `Connect Services\n${columns(table, GAP)}\n`;
}
