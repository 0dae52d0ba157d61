/** Identities longer than this are refused. */
export const SPIFFE_ID_BYTES_MAX = 2048;

/** Whom a certificate is for. */
export type SpiffeId =
  | { readonly kind: 'agent'; readonly host: string; readonly datacenter: string; readonly name: string }
  | { readonly kind: 'server'; readonly host: string; readonly datacenter: string }
  | { readonly kind: 'service'; readonly host: string; readonly datacenter: string; readonly name: string }
  | { readonly kind: 'mesh-gateway'; readonly host: string; readonly datacenter: string };

const PART = '([^/]+)';
const PARTITION = `(?:/ap/${PART})?`;
const AGENT = new RegExp(`^${PARTITION}/agent/client/dc/${PART}/id/${PART}$`);
const SERVER = new RegExp(`^/agent/server/dc/${PART}$`);
const SERVICE = new RegExp(`^${PARTITION}/ns/${PART}/dc/${PART}/svc/${PART}$`);
const GATEWAY = new RegExp(`^${PARTITION}/gateway/mesh/dc/${PART}$`);

/** The identity in a URI. Throws Error; texts and forms as probed. */
export function parseSpiffeId(uri: string): { readonly id: SpiffeId; readonly path: string } {
  const [, host, path] = /^spiffe:\/\/([^/?#]*)([^?#]*)$/i.exec(uri.slice(0, SPIFFE_ID_BYTES_MAX + 1)) ?? [];
  if (host === undefined || path === undefined) throw new Error("SPIFFE ID must have 'spiffe' scheme");
  if (uri.length > SPIFFE_ID_BYTES_MAX) throw new Error('SPIFFE ID is too long');
  const id = idOf(host.toLowerCase(), path);
  if (id === 'signing') throw new Error('SPIFFE ID in CSR must be a service, mesh-gateway, or agent ID');
  if (id === undefined) throw new Error(`SPIFFE ID is not in the expected format: ${uri}`);
  return { id, path };
}

function idOf(host: string, path: string): SpiffeId | 'signing' | undefined {
  if (path === '') return 'signing';
  const parts = (pattern: RegExp) => pattern.exec(path)?.map((part) => unescaped(part));
  const agent = parts(AGENT);
  if (agent) return { kind: 'agent', host, datacenter: agent[2]!, name: agent[3]! };
  const server = parts(SERVER);
  if (server) return { kind: 'server', host, datacenter: server[1]! };
  const service = parts(SERVICE);
  if (service) return { kind: 'service', host, datacenter: service[3]!, name: service[4]! };
  const gateway = parts(GATEWAY);
  return gateway && { kind: 'mesh-gateway', host, datacenter: gateway[2]! };
}

/** Groups that did not take part are empty. Throws Error on an escape that is none. */
function unescaped(part: string | undefined): string {
  try {
    return decodeURIComponent(part ?? '');
  } catch {
    throw new Error('Invalid SPIFFE ID: invalid URL escape');
  }
}

/** The name by which a client agent asks; the server puts its own trust domain in. */
export function agentUri(host: string, datacenter: string, node: string): string {
  return `spiffe://${host}/agent/client/dc/${encodeURIComponent(datacenter)}/id/${encodeURIComponent(node)}`;
}
