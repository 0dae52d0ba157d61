import type * as tls from 'node:tls';

/** Node's TLS, loaded when the first connection needs it: an agent without TLS stays smaller. */
export const nodeTls = (): typeof tls => process.getBuiltinModule('node:tls');
