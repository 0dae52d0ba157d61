import type { Command, RawCommand } from './command.ts';

/** A command: its module is loaded when it runs. */
export interface CommandRow {
  readonly kind: 'command';
  readonly name: string;
  readonly synopsis: string;
  load(): Promise<Command | RawCommand>;
}

/** Words that only gather commands. `args` follows the name in the first line of help. */
export interface GroupRow {
  readonly kind: 'group';
  readonly name: string;
  readonly synopsis: string;
  readonly args: string;
  readonly help: string;
}

const ARGS = '<subcommand> [options] [args]';
const ARGS_SHORT = '<subcommand> [options]';

function cmd(name: string, synopsis: string, load: CommandRow['load']): CommandRow {
  return { kind: 'command', name, synopsis, load };
}

function group(name: string, synopsis: string, args: string, help: string): GroupRow {
  return { kind: 'group', name, synopsis, args, help };
}

/**
 * Every command, sorted by name. Help, completion and dispatch are made from this list.
 * Not built yet, and so not listed: acl, the proxies of connect, peering, resource, the proxies of troubleshoot.
 */
export const table: readonly (CommandRow | GroupRow)[] = [
  cmd('agent', 'Runs an agent', async () => (await import('./commands/agent.ts')).loadAgent()),
  group(
    'catalog',
    'Reads the catalog of nodes and services',
    ARGS,
    'Lists what is registered in the catalog of a datacenter.\n\nAll nodes:\n\n    $ consul catalog nodes\n\nAll services:\n\n    $ consul catalog services',
  ),
  cmd(
    'catalog datacenters',
    'Lists the known datacenters',
    async () => (await import('./commands/catalog.ts')).catalogDatacenters,
  ),
  cmd(
    'catalog nodes',
    'Lists the nodes of a datacenter',
    async () => (await import('./commands/catalog.ts')).catalogNodes,
  ),
  cmd(
    'catalog services',
    'Lists the services of a datacenter',
    async () => (await import('./commands/catalog.ts')).catalogServices,
  ),
  group(
    'config',
    'Reads and writes central configuration entries',
    ARGS,
    'Manages the entries of the central configuration.\n\nWrite an entry from a file:\n\n    $ consul config write web.hcl\n\nRead it back:\n\n    $ consul config read -kind service-defaults -name web',
  ),
  cmd(
    'config delete',
    'Deletes a configuration entry',
    async () => (await import('./commands/config.ts')).configDelete,
  ),
  cmd('config list', 'Lists the entries of one kind', async () => (await import('./commands/config.ts')).configList),
  cmd('config read', 'Reads a configuration entry', async () => (await import('./commands/config.ts')).configRead),
  cmd(
    'config write',
    'Creates or updates a configuration entry',
    async () => (await import('./commands/config.ts')).configWrite,
  ),
  group(
    'connect',
    'Works with the service mesh',
    ARGS,
    'Works with the service mesh.\n\nHow its certificate authority is run:\n\n    $ consul connect ca get-config',
  ),
  group(
    'connect ca',
    'Reads and changes how the certificate authority is run',
    ARGS,
    'Works with the certificate authority of the mesh.\n\nRead its configuration:\n\n    $ consul connect ca get-config\n\nChange it:\n\n    $ consul connect ca set-config -config-file ca.json',
  ),
  cmd(
    'connect ca get-config',
    'Shows how the certificate authority is run',
    async () => (await import('./commands/connect-ca.ts')).connectCaGetConfig,
  ),
  cmd(
    'connect ca set-config',
    'Changes how the certificate authority is run',
    async () => (await import('./commands/connect-ca.ts')).connectCaSetConfig,
  ),
  cmd('debug', 'Records an archive for finding faults', async () => (await import('./commands/debug.ts')).debug),
  cmd('event', 'Fires a user event', async () => (await import('./commands/event.ts')).event),
  cmd('exec', 'Runs a command on many nodes', async () => (await import('./commands/exec.ts')).exec),
  cmd(
    'force-leave',
    'Puts a failed member into the "left" state',
    async () => (await import('./commands/membership.ts')).forceLeave,
  ),
  cmd('info', 'Prints what an agent knows about its own state', async () => (await import('./commands/info.ts')).info),
  group(
    'intention',
    'Manages which services may connect',
    ARGS,
    'Manages intentions: which service may connect to which.\n\nAllow web to connect to db:\n\n    $ consul intention create web db\n\nMay web connect to db?\n\n    $ consul intention check web db',
  ),
  cmd(
    'intention check',
    'Tells whether one service may connect to another',
    async () => (await import('./commands/intention.ts')).intentionCheck,
  ),
  cmd('intention create', 'Creates intentions', async () => (await import('./commands/intention.ts')).intentionCreate),
  cmd(
    'intention delete',
    'Deletes an intention',
    async () => (await import('./commands/intention.ts')).intentionDelete,
  ),
  cmd('intention get', 'Shows one intention', async () => (await import('./commands/intention.ts')).intentionGet),
  cmd('intention list', 'Lists all intentions', async () => (await import('./commands/intention.ts')).intentionList),
  cmd(
    'intention match',
    'Shows the intentions that concern a service',
    async () => (await import('./commands/intention.ts')).intentionMatch,
  ),
  cmd('join', 'Makes the agent join a cluster', async () => (await import('./commands/membership.ts')).join),
  cmd('keygen', 'Makes a gossip encryption key', async () => (await import('./commands/keys.ts')).keygen),
  cmd('keyring', 'Manages the gossip encryption keys', async () => (await import('./commands/keys.ts')).keyring),
  group(
    'kv',
    'Reads and writes the key-value store',
    ARGS,
    'Works with the key-value store.\n\nStore a value:\n\n    $ consul kv put redis/connections 5\n\nRead it:\n\n    $ consul kv get redis/connections\n\nWith everything that is known about it:\n\n    $ consul kv get -detailed redis/connections\n\nDelete it:\n\n    $ consul kv delete redis/connections',
  ),
  cmd('kv delete', 'Deletes keys', async () => (await import('./commands/kv-write.ts')).kvDelete),
  cmd('kv export', 'Writes a tree of keys as JSON', async () => (await import('./commands/kv-transfer.ts')).kvExport),
  cmd('kv get', 'Reads or lists keys', async () => (await import('./commands/kv-get.ts')).kvGet),
  cmd('kv import', 'Reads a tree of keys from JSON', async () => (await import('./commands/kv-transfer.ts')).kvImport),
  cmd('kv put', 'Stores a value', async () => (await import('./commands/kv-write.ts')).kvPut),
  cmd(
    'leave',
    'Makes the agent leave its cluster and stop',
    async () => (await import('./commands/membership.ts')).leave,
  ),
  cmd('lock', 'Runs a command while it holds a lock', async () => (await import('./commands/lock.ts')).lock),
  cmd(
    'login',
    'Exchanges the word of a third party against a token',
    async () => (await import('./commands/login.ts')).login,
  ),
  cmd('logout', 'Destroys the token that login made', async () => (await import('./commands/login.ts')).logout),
  cmd(
    'maint',
    'Turns maintenance mode of a node or service on or off',
    async () => (await import('./commands/maint.ts')).maint,
  ),
  cmd('members', 'Lists the members of the cluster', async () => (await import('./commands/members.ts')).members),
  cmd('monitor', "Streams an agent's log", async () => (await import('./commands/monitor.ts')).monitor),
  group(
    'operator',
    'Tools for those who run the cluster',
    ARGS_SHORT,
    'Tools at the level of the cluster: its Raft peers, Autopilot and what is in use.',
  ),
  group(
    'operator autopilot',
    'Reads and changes Autopilot',
    ARGS_SHORT,
    'Works with Autopilot, which looks after the servers of the cluster.',
  ),
  cmd(
    'operator autopilot get-config',
    'Shows the configuration of Autopilot',
    async () => (await import('./commands/autopilot.ts')).autopilotGetConfig,
  ),
  cmd(
    'operator autopilot set-config',
    'Changes the configuration of Autopilot',
    async () => (await import('./commands/autopilot.ts')).autopilotSetConfig,
  ),
  cmd(
    'operator autopilot state',
    'Shows the state of the servers',
    async () => (await import('./commands/autopilot.ts')).autopilotState,
  ),
  group(
    'operator raft',
    'Shows and repairs the Raft peers',
    ARGS_SHORT,
    'Works with the Raft peers: lists them, and removes one that will not come back.',
  ),
  cmd(
    'operator raft list-peers',
    'Lists the Raft peers',
    async () => (await import('./commands/raft.ts')).raftListPeers,
  ),
  cmd(
    'operator raft recover',
    'Recovers a cluster that lost its quorum for good',
    async () => (await import('./commands/raft-recover.ts')).raftRecover,
  ),
  cmd(
    'operator raft remove-peer',
    'Removes a server from the Raft configuration',
    async () => (await import('./commands/raft.ts')).raftRemovePeer,
  ),
  cmd(
    'operator raft transfer-leader',
    'Hands leadership to another server',
    async () => (await import('./commands/raft.ts')).raftTransferLeader,
  ),
  group('operator usage', 'Shows how much is registered', ARGS, 'Shows counts of services, instances and nodes.'),
  cmd(
    'operator usage instances',
    'Counts service instances',
    async () => (await import('./commands/usage.ts')).usageInstances,
  ),
  cmd(
    'reload',
    'Makes the agent read its configuration again',
    async () => (await import('./commands/membership.ts')).reload,
  ),
  cmd('rtt', 'Estimates the round-trip time between nodes', async () => (await import('./commands/rtt.ts')).rtt),
  group(
    'services',
    'Registers services with the agent',
    ARGS,
    'Registers and deregisters services with the local agent.\n\nFrom a file:\n\n    $ consul services register web.json\n\nFrom flags:\n\n    $ consul services register -name=web -port=80',
  ),
  cmd(
    'services deregister',
    'Deregisters services',
    async () => (await import('./commands/services.ts')).servicesDeregister,
  ),
  cmd(
    'services export',
    'Exports a service to peers or partitions',
    async () => (await import('./commands/services-export.ts')).servicesExport,
  ),
  cmd(
    'services exported-services',
    'Lists the exported services',
    async () => (await import('./commands/services-export.ts')).servicesExported,
  ),
  cmd('services register', 'Registers services', async () => (await import('./commands/services.ts')).servicesRegister),
  group(
    'snapshot',
    'Saves, restores and inspects the state of the servers',
    ARGS,
    'Saves the state of the servers to an archive, puts it back, and shows what is in it.\n\n    $ consul snapshot save backup.snap\n    $ consul snapshot inspect backup.snap\n    $ consul snapshot restore backup.snap\n    $ consul snapshot decode backup.snap\n\nA process that saves regularly (`snapshot agent`) exists in the Enterprise edition only.',
  ),
  cmd(
    'snapshot decode',
    'Prints the records of a snapshot as JSON lines',
    async () => (await import('./commands/snapshot-inspect.ts')).snapshotDecode,
  ),
  cmd(
    'snapshot inspect',
    'Shows what a snapshot holds',
    async () => (await import('./commands/snapshot-inspect.ts')).snapshotInspect,
  ),
  cmd(
    'snapshot restore',
    'Replaces the state of the servers by a snapshot',
    async () => (await import('./commands/snapshot.ts')).snapshotRestore,
  ),
  cmd(
    'snapshot save',
    'Saves the state of the servers',
    async () => (await import('./commands/snapshot.ts')).snapshotSave,
  ),
  group(
    'tls',
    'Makes certificates',
    '<subcommand> <subcommand> [options]',
    'Makes a certificate authority and certificates signed by it.\n\n    $ consul tls ca create\n    $ consul tls cert create -server',
  ),
  group(
    'tls ca',
    'Certificate authorities',
    ARGS_SHORT,
    'Makes a certificate authority.\n\n    $ consul tls ca create',
  ),
  cmd('tls ca create', 'Makes a certificate authority', async () => (await import('./commands/tls.ts')).tlsCaCreate),
  group(
    'tls cert',
    'Certificates',
    ARGS_SHORT,
    'Makes certificates that the authority signs.\n\n    $ consul tls cert create -client',
  ),
  cmd('tls cert create', 'Makes a certificate', async () => (await import('./commands/tls.ts')).tlsCertCreate),
  group(
    'troubleshoot',
    'Finds out what does not work',
    ARGS,
    'Finds out what does not work.\n\nWhich ports of a host are open:\n\n    $ consul troubleshoot ports -host localhost',
  ),
  cmd(
    'troubleshoot ports',
    'Tells which ports of a host are open',
    async () => (await import('./commands/troubleshoot.ts')).troubleshootPorts,
  ),
  cmd('validate', 'Checks configuration files', async () => (await import('./commands/validate.ts')).validate),
  cmd('version', 'Prints the version', async () => (await import('./commands/version.ts')).version),
  cmd('watch', 'Waits for changes and handles them', async () => (await import('./commands/watch.ts')).watchCommand),
];
