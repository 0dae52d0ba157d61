import { errorText } from '@proconsul/base';
import { CommandError, command } from '../command.ts';
import { goRegExp } from '../go-regexp.ts';

/** Checks the filters that `event` and `exec` share. Throws CommandError. */
export function checkFilters(filters: { node: string; service: string; tag: string }): void {
  for (const name of ['node', 'service', 'tag'] as const) {
    if (filters[name] === '') continue;
    if (name === 'tag' && filters.service === '') {
      throw new CommandError('Cannot provide tag filter without service filter.');
    }
    try {
      goRegExp(filters[name]);
    } catch (error) {
      throw new CommandError(`Failed to compile ${name} filter regexp: ${errorText(error)}`);
    }
  }
}

export const event = command({
  name: 'event',
  args: '[options] [payload]',
  help:
    'Fires a user event: a name and a small payload that gossip carries to every agent of the datacenter. Filters choose\n' +
    'who acts on it.',
  http: {},
  flags: {
    name: { kind: 'string', doc: 'Name of the event.' },
    node: { kind: 'string', doc: 'Only nodes whose name matches this regular expression.' },
    service: { kind: 'string', doc: 'Only nodes with a service that matches this regular expression.' },
    tag: { kind: 'string', doc: 'Only services with a tag that matches this regular expression. Needs -service.' },
  },
  async run(c) {
    const { name, node, service, tag } = c.flags;
    if (name === '') return c.failWithHelp('Event name must be specified');
    checkFilters(c.flags);
    if (c.args.length > 1) return c.failWithHelp('Too many command line arguments.');
    const { agent, events } = c.consul;
    await c.attempt('Error querying Consul agent: ', () => agent.self());
    const fired = await c.attempt('Error firing event: ', () =>
      events.fire(name, c.args[0] ?? '', { node, service, tag }),
    );
    c.print(`Event ID: ${fired.ID}`);
    return 0;
  },
});
