import {
  IndexedPreparedQueries,
  type PreparedQuery,
  PreparedQueryExecuteRemoteRequest,
  PreparedQueryExecuteRequest,
  PreparedQueryExecuteResponse,
  PreparedQueryExplainResponse,
  PreparedQueryRequest,
  PreparedQuerySpecificRequest,
  QuerySource,
  str,
} from '@proconsul/schema';
import type { ArgsOf } from '../method.ts';
import {
  PreparedQueryMethods,
  type QueryExecuteArgs,
  type QueryExecuteRemoteArgs,
  type QueryExecuteReply,
} from '../methods.ts';
import { inDatacenter } from './catalog.ts';
import { bare, member, merged } from './replies.ts';
import { command, reading } from './requests.ts';
import { type AnyWireMethod, type RequestCodec, wire } from './wire-method.ts';

/** `_agent` is known to the asking agent only: servers are told its node. */
const AGENT = '_agent';

const executing: RequestCodec<QueryExecuteArgs> = reading<QueryExecuteArgs, PreparedQueryExecuteRequest>(
  PreparedQueryExecuteRequest,
  {
    same: ['QueryIDOrName', 'Limit', 'Connect'],
    write: ({ Datacenter, Agent, Source }) => ({
      Agent: QuerySource.make({ ...Agent, Datacenter }),
      Source: QuerySource.make({ ...Source, Datacenter, Node: Source.Node === AGENT ? Agent.Node : Source.Node }),
    }),
    read: ({ Agent, Source }) => ({
      Agent: { Node: Agent.Node, Segment: Agent.Segment },
      Source: { Node: Source.Node, Ip: Source.Ip },
    }),
  },
);

const execution = merged<PreparedQueryExecuteResponse, QueryExecuteReply>(
  PreparedQueryExecuteResponse,
  (value) => value,
  ({ Service, Nodes, DNS, Datacenter, PeerName, Failovers }) => ({
    Service,
    Nodes: Nodes ?? [],
    DNS,
    Datacenter,
    PeerName,
    Failovers,
  }),
);

const queries = member(IndexedPreparedQueries, 'Queries', { absent: [] as readonly PreparedQuery[] });

export const queryMethods: readonly AnyWireMethod[] = [
  wire(PreparedQueryMethods.Execute, executing, execution),
  wire(
    PreparedQueryMethods.ExecuteRemote,
    reading<QueryExecuteRemoteArgs, PreparedQueryExecuteRemoteRequest>(PreparedQueryExecuteRemoteRequest, {
      same: ['Query', 'Limit', 'Connect'],
    }),
    execution,
  ),
  wire(PreparedQueryMethods.Explain, executing, member(PreparedQueryExplainResponse, 'Query')),
  wire(
    PreparedQueryMethods.Get,
    reading<ArgsOf<typeof PreparedQueryMethods.Get>, PreparedQuerySpecificRequest>(PreparedQuerySpecificRequest, {
      same: ['QueryID'],
    }),
    queries,
  ),
  wire(PreparedQueryMethods.List, inDatacenter, queries),
  wire(PreparedQueryMethods.Apply, command(PreparedQueryRequest), bare(str)),
];
