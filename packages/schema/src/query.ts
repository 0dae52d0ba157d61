import { bool, checkId, index, int, list, map, str } from './kind.ts';
import { type Infer, struct } from './struct.ts';

export const QueryFailoverTarget = struct('QueryFailoverTarget', { Datacenter: str, Peer: str });

export const QueryFailoverOptions = struct('QueryFailoverOptions', {
  NearestN: int,
  Datacenters: list(str),
  Targets: list(QueryFailoverTarget),
});

export const ServiceQuery = struct('ServiceQuery', {
  Service: str,
  SamenessGroup: str,
  Failover: QueryFailoverOptions,
  OnlyPassing: bool,
  IgnoreCheckIDs: list(checkId),
  Near: str,
  Tags: list(str),
  NodeMeta: map(str),
  ServiceMeta: map(str),
  Connect: bool,
  Peer: str,
});

export const QueryTemplateOptions = struct('QueryTemplateOptions', { Type: str, Regexp: str, RemoveEmptyTags: bool });

/** A stored discovery query. */
export const PreparedQuery = struct('PreparedQuery', {
  ID: str,
  Name: str,
  Session: str,
  Token: str,
  Template: QueryTemplateOptions,
  Service: ServiceQuery,
  DNS: struct('QueryDNSOptions', { TTL: str }),
  CreateIndex: index,
  ModifyIndex: index,
});
export type PreparedQuery = Infer<typeof PreparedQuery>;
