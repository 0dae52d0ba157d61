/** The Consul version that we are compatible with: what peers and tools parse (`/v1/agent/self`, the build tag, `version`). */
export const CONSUL_VERSION = '1.21.0';

/** Our own version. It stands beside {@link CONSUL_VERSION} and never in its place. */
export const PROCONSUL_VERSION = '0.1.0';

/** When the release was made, RFC 3339. A fixed moment, so that builds are reproducible. */
export const BUILD_DATE = '1970-01-01T00:00:01Z';

/** The git revision of the release; empty in builds that do not know it. */
export const REVISION = '';

/** Gossip protocol versions: what we speak by default, and the range that we understand. */
export const PROTOCOL_VERSIONS = { default: 2, min: 2, max: 3 } as const;
