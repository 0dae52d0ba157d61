import { X509Certificate } from 'node:crypto';
import { ManualClock } from '@proconsul/base/testing';
import type { Caller } from '@proconsul/endpoints';
import { CASignRequest, IndexedCARoots, SignedResponse } from '@proconsul/schema';
import { expect, test } from 'vitest';
import type { RpcSide, TlsOverlay } from '../cluster/rpc.ts';
import { testContext } from '../testing/context.ts';
import { AgentTls } from './agent-tls.ts';
import { ClientCertificate } from './client-certificate.ts';
import { testAuthority } from './testing/authority.ts';

const HOUR_MS = 3_600_000;

/** A client agent that is to join 127.0.0.9, and what it asked there. `down`: how many calls fail before one is answered. */
function world(down = 0) {
  const clock = new ManualClock();
  const { authority, roots } = testAuthority(clock);
  const calls: { address: string; at: number }[] = [];
  const overlays: TlsOverlay[] = [];
  const hcl = 'node_name = "n1" retry_join = ["127.0.0.9:8301"] auto_encrypt { tls = true dns_san = ["foo.bar"] }';
  const agentTls = new AgentTls();
  const context = { ...testContext(hcl), clock, agentTls };
  const rpc = {
    insecureCall: async (peer, method, body) => {
      calls.push({ address: `${peer.address.host}:${peer.address.port}`, at: clock.now() });
      if (method !== 'AutoEncrypt.Sign' || down-- > 0) throw new Error('refused');
      return SignedResponse.encodeWire(
        SignedResponse.make({
          IssuedCert: await authority.sign(CASignRequest.decodeWire(body).CSR, true),
          ConnectCARoots: IndexedCARoots.make({ ActiveRootID: 'r1', Roots: roots }),
          ManualCARoots: ['manual'],
          VerifyServerHostname: true,
        }),
      );
    },
    overlay: (overlay) => overlays.push(overlay),
  } as Pick<RpcSide, 'insecureCall' | 'overlay'> as RpcSide;
  let tell: (id: string, index: number) => void = () => {};
  const caller = {
    read: (_method: unknown, _args: unknown, _options: unknown, done: (...a: unknown[]) => void) => {
      tell = (ActiveRootID, index) => done(null, { index, value: { ActiveRootID, TrustDomain: '', Roots: [] } }, {});
      return () => {};
    },
  } as unknown as Caller;
  const certificate = new ClientCertificate({ context, rpc, caller, known: () => undefined });
  return {
    clock,
    calls,
    overlays,
    agentTls,
    certificate,
    lines: context.lines,
    tell: (id: string, i: number) => tell(id, i),
  };
}

test('the hosts to join are asked on the port of servers until one gives a certificate', async () => {
  const w = world(3);
  const done = w.certificate.obtain();
  await w.clock.advance(10_000);
  await done;
  expect(new Set(w.calls.map((c) => c.address))).toEqual(new Set(['127.0.0.9:8300']));
  const [first, second, third, fourth, ...more] = w.calls.map((c) => c.at);
  expect([first, second, more.length]).toEqual([0, 0, 0]);
  // Twice as long each time, and a fifth more at most.
  expect((third as number) >= 1_000 && (third as number) <= 1_200).toBe(true);
  expect((fourth as number) - (third as number) >= 2_000).toBe(true);
  expect(w.lines).toContain('ERROR auto_config: No servers successfully responded to the auto-encrypt request');
  expect(w.lines.at(-1)).toBe('INFO auto_config: automatically upgraded to TLS');
  const { key, cert } = w.agentTls.certificate as NonNullable<typeof w.agentTls.certificate>;
  expect(new X509Certificate(cert).subjectAltName).toContain('DNS:localhost, DNS:foo.bar, IP Address:127.0.0.1');
  const options = w.overlays[0]?.tls({ ca: 'own', verifyOutgoing: false });
  expect(options).toMatchObject({ key, cert, verifyOutgoing: true });
  expect(options?.ca?.slice(0, 2)).toEqual(['own', 'manual']);
  expect(w.overlays[0]?.rules).toEqual({ verifyOutgoing: true, verifyServerHostname: true });
  expect(w.agentTls.forHttps({ cert: 'of its own' })).toEqual({ cert: 'of its own' });
  w.certificate.stop();
});

test('it is renewed between half and nine tenths of its life, with a key of its own', async () => {
  const w = world();
  await w.certificate.obtain();
  w.certificate.keep();
  const keys = [w.agentTls.certificate?.key];
  w.agentTls.onChange(() => keys.push(w.agentTls.certificate?.key));
  await w.clock.advance(1.4 * HOUR_MS);
  expect(w.calls.length).toBe(1);
  await w.clock.advance(1.4 * HOUR_MS);
  expect(w.calls.length).toBe(2);
  expect(new Set(keys).size).toBe(2);
  w.certificate.stop();
  await w.clock.advance(10 * HOUR_MS);
  expect(w.calls.length).toBe(2);
});

test('another active root brings another certificate, the same one does not', async () => {
  const w = world();
  await w.certificate.obtain();
  w.certificate.keep();
  w.tell('r1', 5);
  await w.clock.advance(1_000);
  expect(w.calls.length).toBe(1);
  w.tell('r2', 6);
  await w.clock.advance(1_000);
  expect(w.calls.length).toBe(2);
  w.certificate.stop();
});

test('an agent that is stopped while it waits for a certificate waits no longer', async () => {
  const w = world(100);
  const done = w.certificate.obtain();
  await w.clock.advance(5_000);
  w.certificate.stop();
  await done;
  expect([w.agentTls.certificate, w.clock.waiting]).toEqual([undefined, 0]);
});
