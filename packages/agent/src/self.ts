import { availableParallelism } from 'node:os';
import { BUILD_DATE, CONSUL_VERSION, PROCONSUL_VERSION, REVISION } from '@proconsul/base';
import type { RuntimeConfig } from '@proconsul/config';
import type { Member } from '@proconsul/http-api';
import { heapStatistics } from './observe/index.ts';

/** Figures about this agent, by section, as `/v1/agent/self` and `info` show them. */
export type Stats = Readonly<Record<string, Readonly<Record<string, string>>>>;

export interface SelfInput {
  readonly config: RuntimeConfig;
  readonly debugConfig: Readonly<Record<string, unknown>>;
  readonly nodeId: string;
  readonly member: Member;
  readonly stats: Stats;
  readonly meta: Readonly<Record<string, string>>;
  readonly coord: Readonly<Record<string, unknown>>;
}

const sorted = (map: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1)));

/** Envoy versions that the compatible release names. Source: recorded answer of agent/self. */
const ENVOY_VERSIONS = ['1.29.7', '1.28.5', '1.27.7', '1.26.8'];

/** `/v1/agent/self`, in the order in which it prints. */
export function selfReport(s: SelfInput): Readonly<Record<string, unknown>> {
  const { config: c } = s;
  return {
    Config: {
      Datacenter: c.datacenter,
      PrimaryDatacenter: c.primaryDatacenter,
      NodeName: c.nodeName,
      NodeID: s.nodeId,
      Revision: REVISION,
      Server: c.server,
      Version: CONSUL_VERSION,
      BuildDate: BUILD_DATE,
    },
    DebugConfig: s.debugConfig,
    Coord: s.coord,
    Member: { ...s.member, Tags: sorted(s.member.Tags) },
    Stats: Object.fromEntries(
      Object.entries(s.stats)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, section]) => [name, sorted(section)]),
    ),
    Meta: sorted(s.meta),
    xDS: {
      SupportedProxies: { envoy: ENVOY_VERSIONS },
      Port: c.ports.grpcTls,
      Ports: { Plaintext: c.ports.grpc, TLS: c.ports.grpcTls },
    },
  };
}

/** The sections that do not depend on the server. */
export function processStats(): Stats {
  return {
    build: {
      prerelease: '',
      revision: REVISION,
      version: CONSUL_VERSION,
      version_metadata: '',
      proconsul: PROCONSUL_VERSION,
    },
    runtime: {
      arch: process.arch === 'x64' ? 'amd64' : process.arch,
      cpu_count: String(availableParallelism()),
      goroutines: '1',
      max_procs: String(availableParallelism()),
      os: process.platform === 'win32' ? 'windows' : process.platform,
      version: `node${process.version}`,
      heap_bytes: String(heapStatistics().used),
    },
  };
}
