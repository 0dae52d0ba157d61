import { formatDuration } from '@proconsul/base';
import type { AutopilotConfiguration, AutopilotServer, AutopilotState } from '@proconsul/client';
import { command } from '../command.ts';
import { sortedMap, toGoJson } from '../go-json.ts';
import { FLAG_ERROR_PREFIX } from './raft.ts';

export const autopilotGetConfig = command({
  name: 'operator autopilot get-config',
  args: '[options]',
  help: 'Shows the configuration of Autopilot.',
  http: { server: true },
  flagErrorPrefix: FLAG_ERROR_PREFIX,
  helpIsRight: true,
  flags: {},
  async run(c) {
    const { operator } = c.consul;
    const config = await c.attempt('Error querying Autopilot configuration: ', () => operator.autopilotConfiguration());
    c.print(`CleanupDeadServers = ${config.CleanupDeadServers}`);
    c.print(`LastContactThreshold = ${config.LastContactThreshold}`);
    c.print(`MaxTrailingLogs = ${config.MaxTrailingLogs}`);
    c.print(`MinQuorum = ${config.MinQuorum}`);
    c.print(`ServerStabilizationTime = ${config.ServerStabilizationTime}`);
    c.print(`RedundancyZoneTag = "${config.RedundancyZoneTag}"`);
    c.print(`DisableUpgradeMigration = ${config.DisableUpgradeMigration}`);
    c.print(`UpgradeVersionTag = "${config.UpgradeVersionTag}"`);
    return 0;
  },
});

export const autopilotSetConfig = command({
  name: 'operator autopilot set-config',
  args: '[options]',
  help: 'Changes the configuration of Autopilot. What is not given stays as it is.',
  http: { server: true },
  flagErrorPrefix: FLAG_ERROR_PREFIX,
  helpIsRight: true,
  flags: {
    'cleanup-dead-servers': { kind: 'bool', type: 'true|false', doc: 'Remove dead servers when new ones join.' },
    'disable-upgrade-migration': {
      kind: 'bool',
      type: 'true|false',
      doc: 'Do not wait for enough newer servers before they become voters (Enterprise edition).',
    },
    'last-contact-threshold': {
      kind: 'duration',
      type: '200ms',
      doc: 'How long a server may be out of contact with the leader and still count as healthy.',
    },
    'max-trailing-logs': {
      kind: 'uint',
      type: 'value',
      doc: 'How many log entries a server may be behind the leader and still count as healthy.',
    },
    'min-quorum': { kind: 'uint', type: 'value', doc: 'Fewest servers that cleaning up must leave.' },
    'redundancy-zone-tag': {
      kind: 'string',
      type: 'value',
      doc: 'Node metadata that names the zone of a server (Enterprise edition).',
    },
    'server-stabilization-time': {
      kind: 'duration',
      type: '10s',
      doc: 'How long a new server must be healthy before it becomes a voter.',
    },
    'upgrade-version-tag': {
      kind: 'string',
      type: 'value',
      doc: 'Node metadata that names the version of a server for migrations (Enterprise edition).',
    },
  },
  async run(c) {
    const { operator } = c.consul;
    const config = await c.attempt('Error querying Autopilot configuration: ', () => operator.autopilotConfiguration());
    const { flags } = c;
    const changes: Partial<AutopilotConfiguration> = {
      CleanupDeadServers: flags['cleanup-dead-servers'],
      DisableUpgradeMigration: flags['disable-upgrade-migration'],
      LastContactThreshold: formatDuration(flags['last-contact-threshold']),
      MaxTrailingLogs: flags['max-trailing-logs'],
      MinQuorum: Number(flags['min-quorum']),
      RedundancyZoneTag: flags['redundancy-zone-tag'],
      ServerStabilizationTime: formatDuration(flags['server-stabilization-time']),
      UpgradeVersionTag: flags['upgrade-version-tag'],
    };
    const names = Object.keys(changes) as (keyof AutopilotConfiguration)[];
    const given = names.filter((name) => c.given.has(flagOf(name)));
    const next = { ...config, ...Object.fromEntries(given.map((name) => [name, changes[name]])) };
    const updated = await c.attempt('Error setting Autopilot configuration: ', () =>
      operator.setAutopilotConfiguration(next, { cas: config.ModifyIndex }),
    );
    if (!updated) {
      c.print('Configuration could not be atomically updated, please try again');
      return 1;
    }
    c.print('Configuration updated!');
    return 0;
  },
});

/** `MaxTrailingLogs` is set by `-max-trailing-logs`. */
const flagOf = (field: string): string => field.replace(/[A-Z]/g, (c, at) => (at === 0 ? '' : '-') + c.toLowerCase());

export const autopilotState = command({
  name: 'operator autopilot state',
  args: '[options]',
  help: 'Shows what Autopilot thinks of the servers: who is healthy, who votes, how many may fail.',
  http: { server: true },
  flagErrorPrefix: FLAG_ERROR_PREFIX,
  helpIsRight: true,
  flags: { format: { kind: 'string', default: 'pretty', doc: 'Output format {pretty|json}' } },
  async run(c) {
    const { operator } = c.consul;
    const state = await c.attempt('Error querying Autopilot state: ', () => operator.autopilotState());
    switch (c.flags.format) {
      case 'json':
        c.print(toGoJson({ ...state, Servers: sortedMap(state.Servers) }, '    '));
        return 0;
      case 'pretty':
        c.print(prettyState(state));
        return 0;
      default:
        return c.fail(`Unknown format: ${c.flags.format}`);
    }
  },
});

function prettyState(state: AutopilotState): string {
  const lines = [
    `Healthy:                      ${state.Healthy}`,
    `Failure Tolerance:            ${state.FailureTolerance}`,
    `Optimistic Failure Tolerance: ${state.OptimisticFailureTolerance}`,
    `Leader:                       ${state.Leader}`,
    'Voters:',
    ...state.Voters.map((id) => `   ${id}`),
    'Servers:',
  ];
  for (const id of Object.keys(state.Servers).sort()) lines.push(...serverLines(state.Servers[id]!));
  return `${lines.join('\n')}\n`;
}

function serverLines(server: AutopilotServer): string[] {
  const rows: [string, unknown][] = [
    ['Name', server.Name],
    ['Address', server.Address],
    ['Version', server.Version],
    ['Status', server.Status],
    ['Node Type', server.NodeType],
    ['Node Status', server.NodeStatus],
    ['Healthy', server.Healthy],
    ['Last Contact', server.LastContact],
    ['Last Term', server.LastTerm],
    ['Last Index', server.LastIndex],
  ];
  const lines = [`   ${server.ID}`, ...rows.map(([label, value]) => `      ${`${label}:`.padEnd(16)} ${value}`)];
  const meta = Object.entries(sortedMap(server.Meta ?? {}));
  if (meta.length > 0) lines.push('      Meta', ...meta.map(([k, v]) => `         "${k}": "${v}"`));
  return lines;
}
