import { errorText, silentLog } from '@proconsul/base';
import { columns } from '../columns.ts';
import { command } from '../command.ts';

export const raftRecover = command({
  name: 'operator raft recover',
  args: '-data-dir=DIR [-keep=ID ...]',
  help:
    'Gives a cluster that has lost the majority of its servers for good a new start with those that are left, without\n' +
    'editing a file. Works on the files of a server that is stopped, as the user that it runs as (root becomes that user).\n\n' +
    'Without -keep it shows what the server knows of its cluster, and changes nothing:\n\n' +
    '    $ consul operator raft recover -data-dir=/var/lib/consul\n\n' +
    'With -keep, the servers of these IDs are the cluster from now on, with everything that the log of this server holds.\n' +
    '`self` stands for this server. Do it on every server that is kept, with the same IDs, choosing those whose last\n' +
    'index is highest; then start them:\n\n' +
    '    $ consul operator raft recover -data-dir=/var/lib/consul -keep=self',
  flagErrorPrefix: 'Failed to parse args: ',
  flags: {
    'data-dir': { kind: 'string', doc: 'Data directory of the server.' },
    keep: { kind: 'list', doc: 'ID of a server to keep, or `self`. May be given more than once.' },
  },
  async run(c) {
    const dir = c.flags['data-dir'];
    if (c.args.length > 0) return c.fail(`Too many arguments (expected 0, got ${c.args.length})`);
    if (dir === '') return c.fail('Error recovering: the -data-dir of the server is required');
    const { becomeOwner, dataDisk, processUsing, readRaftState, recoverRaft } = await import('@proconsul/agent');
    const user = processUsing(dir);
    if (user !== undefined) return c.fail(`Error recovering: process ${user} uses ${dir}: stop the server first`);
    try {
      becomeOwner(dir);
    } catch (error) {
      const isHidden = (error as NodeJS.ErrnoException).code === 'EACCES';
      const why = isHidden
        ? 'may be read by the user of the server only: run this as that user'
        : 'holds no data of a server';
      return c.fail(`Error recovering: ${dir} ${why}`);
    }
    const world = { disk: dataDisk(dir), log: silentLog };
    try {
      const before = await readRaftState(world);
      const keep = c.flags.keep.map((id) => (id === 'self' ? before.self : id));
      const state = keep.length === 0 ? before : await recoverRaft(world, keep);
      c.print(`Last index ${state.lastIndex} of term ${state.term}. Servers:`);
      c.print(
        columns([
          ['ID', 'Address', 'Voter', ''],
          ...state.servers.map((s) => [s.id, s.address, String(s.voter), s.id === state.self ? 'this server' : '']),
        ]),
      );
      if (keep.length > 0) c.print('Recovered. Start the servers again once this was done on all of them.');
      return 0;
    } catch (error) {
      return c.fail(`Error recovering: ${errorText(error)}`);
    }
  },
});
