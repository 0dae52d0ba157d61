import { formatDuration } from '@proconsul/base';
import {
  type AutopilotHealth,
  type AutopilotState,
  type CommonArgs,
  Operator,
  type RaftServerRow,
  type ServerHealthRow,
  Status,
  type Usage,
} from '@proconsul/endpoints';
import { type JsonValue, quoteJson, stringifyAny } from '@proconsul/gojson';
import { AutopilotConfig, AutopilotSetConfigRequest, DEFAULT_AUTOPILOT, str, struct } from '@proconsul/schema';
import { type ApiExchange, badRequest, casIndex } from '../api-exchange.ts';
import { answerRead, type ReadSpec } from '../read.ts';
import { query, type Route } from '../route.ts';

const leader: ReadSpec<CommonArgs, string> = {
  method: Status.Leader,
  args: (x) => x.commonArgs(),
  render: (address) => ({ body: quoteJson(address) }),
};

const peers: ReadSpec<CommonArgs, readonly string[]> = {
  method: Status.Peers,
  args: (x) => x.commonArgs(),
  render: (found) => ({ body: `[${found.map(quoteJson).join(',')}]` }),
};

const raftConfiguration: ReadSpec<CommonArgs, { readonly Servers: readonly RaftServerRow[]; readonly Index: number }> =
  {
    method: Operator.RaftGetConfiguration,
    args: (x) => x.commonArgs(),
    render: (found) => ({
      body: `{"Servers":[${found.Servers.map(
        (s) =>
          `{"ID":${quoteJson(s.ID)},"Node":${quoteJson(s.Node)},"Address":${quoteJson(s.Address)},"Leader":${s.Leader},"ProtocolVersion":${quoteJson(s.ProtocolVersion)},"Voter":${s.Voter},"LastIndex":${s.LastIndex}}`,
      ).join(',')}],"Index":${found.Index}}`,
    }),
  };

async function removePeer(x: ApiExchange): Promise<void> {
  const id = x.query.get('id');
  const address = x.query.get('address');
  if (!x.query.has('id') && !x.query.has('address')) {
    throw badRequest("Must specify either ?id with the server's ID or ?address with IP:port of peer to remove");
  }
  if (x.query.has('id') && x.query.has('address')) throw badRequest('Must specify only one of ?id or ?address');
  await x.api.caller.write(Operator.RaftRemovePeer, { ...x.commonArgs(), ID: id, Address: address });
  x.ok();
}

async function transferLeader(x: ApiExchange): Promise<void> {
  // Of our own datacenter, whatever `dc` says, as the reference has it.
  const args = { ...x.commonArgs(), Datacenter: '', ID: x.query.get('id') };
  const done = await x.api.caller.write(Operator.TransferLeader, args);
  x.json(`{"Success":${done}}`);
}

const autopilotConfiguration: ReadSpec<CommonArgs, AutopilotConfig> = {
  method: Operator.AutopilotGetConfiguration,
  args: (x) => x.commonArgs(),
  render: (config) => ({ body: AutopilotConfig.toJson(config) }),
};

async function setAutopilot(x: ApiExchange): Promise<void> {
  const Config = await x.decodeBody(AutopilotConfig, 'Error parsing autopilot config: ', {
    unknown: 'reject',
    root: 'AutopilotConfiguration',
    goType: 'api.AutopilotConfiguration',
    onto: DEFAULT_AUTOPILOT,
  });
  const cas = x.query.has('cas');
  let modifyIndex = 0;
  if (cas) {
    try {
      modifyIndex = casIndex(x.query.get('cas'));
    } catch (error) {
      throw badRequest(`Error parsing cas value: ${(error as Error).message}`);
    }
  }
  const done = await x.api.caller.write(
    Operator.AutopilotSetConfiguration,
    AutopilotSetConfigRequest.make({ ...x.commonArgs(), CAS: cas, Config: { ...Config, ModifyIndex: modifyIndex } }),
  );
  x.json(done ? 'true' : 'false');
}

/** The health document tells whole seconds, the state document all that is known. As recorded. */
const second = (ms: number): string => time(Math.floor(ms / 1000) * 1000);
const time = (ms: number): string => quoteJson(new Date(ms).toISOString().replace(/\.?0*Z$/, 'Z'));

function healthRow(s: ServerHealthRow): string {
  return `{"ID":${quoteJson(s.ID)},"Name":${quoteJson(s.Name)},"Address":${quoteJson(s.Address)},"SerfStatus":${quoteJson(s.SerfStatus)},"Version":${quoteJson(s.Version)},"Leader":${s.Leader},"LastContact":"${formatDuration(s.LastContact)}","LastTerm":${s.LastTerm},"LastIndex":${s.LastIndex},"Healthy":${s.Healthy},"Voter":${s.Voter},"StableSince":${second(s.StableSinceMs)}}`;
}

const health: ReadSpec<CommonArgs, AutopilotHealth> = {
  method: Operator.ServerHealth,
  args: (x) => x.commonArgs(),
  render: (h) => {
    const body = `{"Healthy":${h.Healthy},"FailureTolerance":${h.FailureTolerance},"Servers":[${h.Servers.map(healthRow).join(',')}]}`;
    return { status: h.Healthy ? 200 : 429, body };
  },
};

const state: ReadSpec<CommonArgs, AutopilotState> = {
  method: Operator.AutopilotState,
  args: (x) => x.commonArgs(),
  render: (found) => {
    const servers = Object.keys(found.Servers)
      .sort()
      .map((id) => {
        const s = found.Servers[id] as AutopilotState['Servers'][string];
        return `${quoteJson(id)}:{"ID":${quoteJson(s.ID)},"Name":${quoteJson(s.Name)},"Address":${quoteJson(s.Address)},"NodeStatus":${quoteJson(s.NodeStatus)},"Version":${quoteJson(s.Version)},"LastContact":"${formatDuration(s.LastContact)}","LastTerm":${s.LastTerm},"LastIndex":${s.LastIndex},"Healthy":${s.Healthy},"StableSince":${time(s.StableSinceMs)},"ReadReplica":${s.ReadReplica},"Status":${quoteJson(s.Status)},"Meta":${stringifyAny(s.Meta as never)},"NodeType":${quoteJson(s.NodeType)}}`;
      });
    return {
      body: `{"Healthy":${found.Healthy},"FailureTolerance":${found.FailureTolerance},"OptimisticFailureTolerance":${found.OptimisticFailureTolerance},"Servers":{${servers.join(',')}},"Leader":${quoteJson(found.Leader)},"Voters":[${found.Voters.map(quoteJson).join(',')}]}`,
    };
  },
};

function usage(x: ApiExchange): void {
  const options = x.readOptions();
  // Of this datacenter or of all: none can be named.
  const args = { ...x.commonArgs(), Datacenter: '', Global: x.query.has('global') };
  x.api.caller.read(Operator.Usage, args, options, (error, view, meta) => {
    if (error !== null || view === null) {
      x.fail(error);
      return;
    }
    const dcs = Object.keys(view.value)
      .sort()
      .map((dc) => `${quoteJson(dc)}:${usageOf(view.value[dc] as Usage)}`);
    const consistency = options.consistency === 'default' ? 'leader' : options.consistency;
    x.json(
      `{"Usage":{${dcs.join(',')}},"Index":${view.index},"LastContact":${Math.round(meta.lastContactMs * 1e6)},"KnownLeader":${meta.knownLeader},"ConsistencyLevel":"${consistency}","NotModified":false,"Backend":0,"ResultsFilteredByACLs":false}`,
      [
        ['X-Consul-Index', String(view.index)],
        ['X-Consul-Knownleader', String(meta.knownLeader)],
        ['X-Consul-Lastcontact', String(Math.floor(meta.lastContactMs))],
        ['X-Consul-Query-Backend', 'blocking-query'],
        ['X-Consul-Effective-Consistency', consistency],
      ],
    );
  });
}

function usageOf(u: Usage): string {
  return `{"Services":${u.Services},"ServiceInstances":${u.ServiceInstances},"ConnectServiceInstances":${stringifyAny(u.ConnectServiceInstances as never)},"BillableServiceInstances":${u.BillableServiceInstances},"Nodes":${u.Nodes}}`;
}

const KeyringBody = struct('keyringArgs', { Key: str });

async function keyring(x: ApiExchange, op: 'list' | 'install' | 'use' | 'remove'): Promise<void> {
  let relayFactor = 0;
  const given = x.query.get('relay-factor');
  if (given !== '') {
    if (!/^[-+]?\d+$/.test(given))
      throw badRequest(`Error parsing relay factor: strconv.Atoi: parsing ${quoteJson(given)}: invalid syntax`);
    relayFactor = Number(given);
    if (relayFactor < 0 || relayFactor > 5)
      throw badRequest('Invalid relay-factor: Relay factor must be in range: [0, 5]');
  }
  let key = '';
  if (op !== 'list') key = (await x.decodeBody(KeyringBody, 'Request decode failed: ')).Key;
  const local = x.query.get('local-only');
  let localOnly = false;
  if (local !== '') {
    if (!/^(1|t|T|TRUE|true|True|0|f|F|FALSE|false|False)$/.test(local)) {
      throw badRequest(`Error parsing local-only: strconv.ParseBool: parsing ${quoteJson(local)}: invalid syntax`);
    }
    localOnly = /^(1|t|T|TRUE|true|True)$/.test(local);
    if (localOnly && op !== 'list')
      throw badRequest('Invalid use of local-only: local-only can only be set for list requests');
  }
  const replies = await x.api.agent.keyring({ op, key, relayFactor, localOnly, token: x.token });
  if (op === 'list') x.json(stringifyAny(replies as unknown as JsonValue));
  else x.ok();
}

const cas = query('cas', 'Only if the configuration has this ModifyIndex.', 'integer');

export const operatorRoutes: readonly Route[] = [
  {
    path: '/v1/status/leader',
    enterprise: 'none',
    operations: {
      GET: { doc: 'Address of the Raft leader.', reply: { type: 'string' }, run: (x) => answerRead(x, leader) },
    },
  },
  {
    path: '/v1/status/peers',
    enterprise: 'none',
    operations: {
      GET: {
        doc: 'Addresses of the Raft peers.',
        reply: { type: 'array', items: { type: 'string' } },
        run: (x) => answerRead(x, peers),
      },
    },
  },
  {
    path: '/v1/operator/raft/configuration',
    enterprise: 'none',
    operations: {
      GET: { doc: 'The Raft configuration.', reply: { type: 'object' }, run: (x) => answerRead(x, raftConfiguration) },
    },
  },
  {
    path: '/v1/operator/raft/peer',
    enterprise: 'none',
    operations: {
      DELETE: {
        doc: 'Removes a server from the Raft configuration.',
        params: [query('id', 'Id of the server.'), query('address', 'Address of the server.')],
        run: removePeer,
      },
    },
  },
  {
    path: '/v1/operator/raft/transfer-leader',
    enterprise: 'partition',
    operations: {
      POST: {
        doc: 'Moves the leadership to another server.',
        params: [query('id', 'Id of the server that is to lead.')],
        reply: { type: 'object' },
        run: transferLeader,
      },
    },
  },
  {
    path: '/v1/operator/autopilot/configuration',
    enterprise: 'none',
    operations: {
      GET: {
        doc: 'How servers are cared for.',
        reply: AutopilotConfig,
        run: (x) => answerRead(x, autopilotConfiguration),
      },
      PUT: {
        doc: 'Sets how servers are cared for.',
        params: [cas],
        body: AutopilotConfig,
        reply: { type: 'boolean' },
        run: setAutopilot,
      },
    },
  },
  {
    path: '/v1/operator/autopilot/health',
    enterprise: 'none',
    operations: {
      GET: {
        doc: 'Health of the servers; 429 when unhealthy.',
        reply: { type: 'object' },
        run: (x) => answerRead(x, health),
      },
    },
  },
  {
    path: '/v1/operator/autopilot/state',
    enterprise: 'none',
    operations: {
      GET: {
        doc: 'All that autopilot knows of the servers.',
        reply: { type: 'object' },
        run: (x) => answerRead(x, state),
      },
    },
  },
  {
    path: '/v1/operator/usage',
    enterprise: 'full',
    operations: {
      GET: {
        doc: 'Counts of nodes, services and instances.',
        params: [query('global', 'Of all datacenters.', 'boolean')],
        reply: { type: 'object' },
        run: usage,
      },
    },
  },
  {
    path: '/v1/operator/keyring',
    enterprise: 'none',
    operations: {
      GET: { doc: 'Lists the gossip keys.', reply: { type: 'array' }, run: (x) => keyring(x, 'list') },
      POST: { doc: 'Installs a gossip key.', body: KeyringBody, run: (x) => keyring(x, 'install') },
      PUT: { doc: 'Makes a gossip key the primary one.', body: KeyringBody, run: (x) => keyring(x, 'use') },
      DELETE: { doc: 'Removes a gossip key.', body: KeyringBody, run: (x) => keyring(x, 'remove') },
    },
  },
];
