import { CARequest, MessageType } from '@proconsul/schema';
import type { RpcSide } from '../cluster/rpc.ts';
import type { ServerLinks } from '../cluster/server-links.ts';
import { internalTlsOptions } from '../cluster/tls.ts';
import type { AgentContext } from '../context.ts';
import type { LocalServer } from '../local-server.ts';
import { MeshAuthority, trustDomain } from './mesh-authority.ts';
import { RootsWatch } from './roots-watch.ts';
import { ServerCertificates } from './server-certificates.ts';

/**
 * What a server needs to give certificates away, and to know them again: with `auto_encrypt.allow_tls` it takes
 * certificates of the mesh's authority from its callers too, whoever signed them.
 */
export function serverCertificates(
  context: AgentContext,
  server: LocalServer,
  rpc: RpcSide,
  links: Pick<ServerLinks, 'leaderPeer' | 'datacenterPeer'>,
): { certificates: ServerCertificates; roots: RootsWatch | undefined } {
  const { clock, log } = context;
  const { datacenter, dns, autoEncrypt, acl } = context.config();
  const { connect } = server.store;
  const manualRoots = () => [internalTlsOptions(context.config())?.ca ?? []].flat();
  const authority = new MeshAuthority({
    datacenter,
    domain: dns.domain,
    clock,
    roots: () => connect.roots().value,
    providerStates: () => connect.providerStates(),
    settings: () => connect.configuration().value?.Config ?? {},
    propose: (request) => server.propose({ type: MessageType.ConnectCA, request: CARequest.encodeWire(request) }),
    index: () => server.raft.appliedIndex,
  });
  const certificates = new ServerCertificates({
    context,
    authority,
    client: rpc.client,
    log: log.named('server').named('auto-encrypt'),
    leads: () => server.server.leads(),
    leaderPeer: () => links.leaderPeer(),
    datacenterPeer: (dc) => links.datacenterPeer(dc),
    roots: () => {
      const { index, value } = connect.roots();
      const active = value.find((root) => root.Active);
      const Roots = value.map((root) => ({ ...root, SigningKey: '' }));
      const TrustDomain = active === undefined ? '' : trustDomain(active);
      return { index, value: { ActiveRootID: active?.ID ?? '', TrustDomain, Roots } };
    },
    manualRoots,
  });
  if (!autoEncrypt.allowTls) return { certificates, roots: undefined };
  const roots = new RootsWatch({
    caller: server.server,
    clock,
    log: log.named('server').named('auto-encrypt'),
    datacenter,
    token: () => acl.tokens.agent || acl.tokens.default,
    changed: ({ Roots }) => {
      const clientCa = Roots.flatMap((root) => [root.RootCert, ...(root.IntermediateCerts ?? [])]);
      rpc.overlay({ tls: (options) => ({ ...options, clientCa }), rules: {} });
    },
  });
  return { certificates, roots };
}
