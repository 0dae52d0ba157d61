import { CommandError, command } from '../command.ts';

export const join = command({
  name: 'join',
  args: '[options] address ...',
  help: 'Tells the agent to join a cluster, by the addresses of members of it.',
  http: { scope: 'partition' },
  flags: { wan: { kind: 'bool', doc: 'Join the servers of another datacenter.' } },
  async run(c) {
    if (c.args.length === 0) return c.failWithHelp('At least one address to join must be specified.');
    const { agent } = c.consul;
    let joined = 0;
    for (const address of c.args) {
      try {
        await c.attempt(`Error joining address '${address}': `, () => agent.join(address, { wan: c.flags.wan }));
        joined++;
      } catch (error) {
        if (!(error instanceof CommandError)) throw error;
        c.warn(error.message);
      }
    }
    if (joined === 0) return c.fail('Failed to join any nodes.');
    c.print(`Successfully joined cluster by contacting ${joined} nodes.`);
    return 0;
  },
});

export const leave = command({
  name: 'leave',
  args: '[options]',
  help: 'Makes the agent leave its cluster gracefully and stop.',
  http: {},
  flags: {},
  async run(c) {
    if (c.args.length > 0) {
      c.print(c.help());
      return c.fail(`Error found unexpected args: [${c.args.join(' ')}]`);
    }
    const { agent } = c.consul;
    await c.attempt('Error leaving: ', () => agent.leave());
    c.print('Graceful leave complete');
    return 0;
  },
});

export const forceLeave = command({
  name: 'force-leave',
  args: '[options] name',
  help:
    'Puts a member of the cluster into the "left" state. A member that is alive joins again at once; this is for\n' +
    'members that failed and will not come back, so that nobody tries to reach them any more.',
  http: { scope: 'partition' },
  flags: {
    prune: { kind: 'bool', doc: 'Also remove the member from the list of members.' },
    wan: { kind: 'bool', doc: 'Only in the pool of all datacenters.' },
  },
  async run(c) {
    const [node] = c.args;
    if (node === undefined || c.args.length !== 1) {
      return c.failWithHelp('A single node name must be specified to force leave.');
    }
    const { agent } = c.consul;
    const { prune, wan } = c.flags;
    await c.attempt('Error force leaving: ', () => agent.forceLeave(node, { prune, wan }));
    return 0;
  },
});

export const reload = command({
  name: 'reload',
  args: '',
  help: 'Makes the agent read its configuration files again, as the signal SIGHUP does.',
  http: {},
  flags: {},
  async run(c) {
    const { agent } = c.consul;
    await c.attempt('Error reloading: ', () => agent.reload());
    c.print('Configuration reload triggered');
    return 0;
  },
});
