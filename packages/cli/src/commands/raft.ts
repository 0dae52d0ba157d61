import type { RaftServer } from '@proconsul/client';
import { columns } from '../columns.ts';
import { command } from '../command.ts';

export const FLAG_ERROR_PREFIX = 'Failed to parse args: ';

export const raftListPeers = command({
  name: 'operator raft list-peers',
  args: '[options]',
  help: 'Lists the servers of the Raft configuration, and how far each is behind the leader.',
  http: { server: true },
  flagErrorPrefix: FLAG_ERROR_PREFIX,
  helpIsRight: true,
  flags: {},
  async run(c) {
    const { operator } = c.consul;
    const { Servers } = await c.attempt('Error getting peers: Failed to retrieve raft configuration: ', () =>
      operator.raftConfiguration(),
    );
    c.print(columns(peerRows(Servers)));
    return 0;
  },
});

function peerRows(servers: readonly RaftServer[]): string[][] {
  const leaderIndex = servers.find((s) => s.Leader)?.LastIndex;
  return [
    ['Node', 'ID', 'Address', 'State', 'Voter', 'RaftProtocol', 'Commit Index', 'Trails Leader By'],
    ...servers.map((s) => [
      s.Node,
      s.ID,
      s.Address,
      s.Leader ? 'leader' : 'follower',
      String(s.Voter),
      s.ProtocolVersion || '<=1',
      String(s.LastIndex),
      trails(s, leaderIndex),
    ]),
  ];
}

function trails(server: RaftServer, leaderIndex: number | undefined): string {
  if (server.Leader || leaderIndex === undefined) return '-';
  const behind = leaderIndex - server.LastIndex;
  return behind === 1 ? '1 commit' : `${behind} commits`;
}

export const raftRemovePeer = command({
  name: 'operator raft remove-peer',
  args: '[options]',
  help:
    'Removes a server that will not come back from the Raft configuration, by its address or its ID. For a server that\n' +
    'still shows up as failed in `consul members`, use `consul force-leave` instead.',
  http: { server: true },
  flagErrorPrefix: FLAG_ERROR_PREFIX,
  helpIsRight: true,
  flags: {
    address: { kind: 'string', doc: 'Address and port of the server.' },
    id: { kind: 'string', doc: 'ID of the server.' },
  },
  async run(c) {
    const { address, id } = c.flags;
    if (address === '' && id === '') {
      return c.fail('Error removing peer: an address or id is required for the peer to remove');
    }
    if (address !== '' && id !== '') return c.fail('Error removing peer: cannot give both an address and id');
    const { operator } = c.consul;
    await c.attempt('Error removing peer: ', () => operator.removePeer(address === '' ? { id } : { address }));
    c.print(address === '' ? `Removed peer with id "${id}"` : `Removed peer with address "${address}"`);
    return 0;
  },
});

export const raftTransferLeader = command({
  name: 'operator raft transfer-leader',
  args: '[options]',
  help: 'Asks the leader to hand leadership to another server.',
  http: { server: true },
  flagErrorPrefix: FLAG_ERROR_PREFIX,
  helpIsRight: true,
  flags: { id: { kind: 'string', doc: 'ID of the server that shall lead. Default: the one that is furthest on.' } },
  async run(c) {
    const { operator } = c.consul;
    const { Success } = await c.attempt('Error transfering leadership: Failed to transfer leadership ', () =>
      operator.transferLeader(c.flags.id),
    );
    if (!Success) return c.fail('Error transfering leadership: Failed to transfer leadership');
    c.print('Success');
    return 0;
  },
});
