import { expect, test } from 'vitest';
import { clientTags, serverTags, wanTags } from './tags.ts';

const agent = { datacenter: 'dc1', nodeId: 'id-1', version: '1.21.0' };
const server = {
  ...agent,
  ...{ serverPort: 8300, grpcPort: -1, grpcTlsPort: 8503, wanPort: 8302 },
  ...{ aclEnabled: false, bootstrap: false, bootstrapExpect: 3, useTls: false },
};

test('a server tells what it is in its tags, and in them only what there is', () => {
  expect(serverTags(server)).toEqual({
    ...{ acls: '0', build: '1.21.0:', dc: 'dc1', expect: '3', ft_fs: '1', ft_si: '1', grpc_tls_port: '8503' },
    ...{ id: 'id-1', port: '8300', raft_vsn: '3', role: 'consul', segment: '', vsn: '2', vsn_max: '3', vsn_min: '2' },
    wan_join_port: '8302',
  });
  expect(serverTags({ ...server, bootstrap: true, bootstrapExpect: 0, useTls: true, wanPort: -1 })).toMatchObject({
    bootstrap: '1',
    use_tls: '1',
  });
});

test('only the LAN is told where to join the WAN', () => {
  const { wan_join_port: _, ...rest } = serverTags(server);
  expect(wanTags(serverTags(server))).toEqual(rest);
});

test('a client tells less, and its own reconnect timeout where it has one', () => {
  const tags = {
    build: '1.21.0:',
    dc: 'dc1',
    id: 'id-1',
    role: 'node',
    segment: '',
    vsn: '2',
    vsn_max: '3',
    vsn_min: '2',
  };
  expect(clientTags({ ...agent, reconnectTimeout: '' })).toEqual(tags);
  expect(clientTags({ ...agent, reconnectTimeout: '24h0m0s' })).toEqual({ ...tags, rc_tm: '24h0m0s' });
});
