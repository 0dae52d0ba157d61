import { command } from '../command.ts';

export const info = command({
  name: 'info',
  args: '[options]',
  help: 'Prints what the agent reports about itself: sections sorted by name, a line for each figure.',
  http: {},
  flags: {},
  async run(c) {
    const { agent } = c.consul;
    const { Stats } = await c.attempt('Error querying agent: ', () => agent.self());
    for (const section of Object.keys(Stats).sort()) {
      c.print(`${section}:`);
      const figures = Stats[section]!;
      for (const key of Object.keys(figures).sort()) c.print(`\t${key} = ${figures[key]}`);
    }
    return 0;
  },
});
