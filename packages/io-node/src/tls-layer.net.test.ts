import { readFileSync } from 'node:fs';
import * as tls from 'node:tls';
import { concatBytes, fromUtf8, type Stream, type TlsAcceptOptions, type TlsPeer, utf8 } from '@proconsul/base';
import { afterEach, expect, test } from 'vitest';
import { nodeNetwork } from './network.ts';
import { nodeTlsLayer, subjectAltNames, type TlsLayerOptions } from './tls-layer.ts';
import { createCa, createMeshLeaf, generateKey, keyPem } from './x509/index.ts';

const pem = (name: string): string => readFileSync(new URL(`../testdata/${name}.pem`, import.meta.url), 'utf8');
const ca = pem('ca');
const serverSide: TlsLayerOptions = { key: pem('server-key'), cert: pem('server'), ca, verifyOutgoing: true };
const clientSide: TlsLayerOptions = { key: pem('client-key'), cert: pem('client'), ca, verifyOutgoing: true };

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

const ACCEPT: TlsAcceptOptions = { timeoutMs: 2_000, clientCertificate: 'none' };

/** Greets whoever gets through, and ends when they do. */
async function serve(options: TlsLayerOptions, accept: TlsAcceptOptions = ACCEPT) {
  const layer = nodeTlsLayer(options);
  const peers: (TlsPeer | string)[] = [];
  const listener = await nodeNetwork.listen({ host: '127.0.0.1', port: 0 }, (stream) => {
    layer.accept(stream, accept).then(
      ({ stream: inner, peer }) => {
        peers.push(peer);
        let size = 0;
        inner.onData((bytes) => {
          size += bytes.length;
        });
        inner.onEnd(() => {
          inner.write(utf8(`${size} bytes from ${inner.remote.host}`));
          inner.end();
        });
      },
      (error: Error) => peers.push(error.message),
    );
  });
  cleanups.push(() => listener.close());
  return { layer, port: listener.local.port, peers };
}

/** Sends `bytes`, half-closes, and returns the answer or the text of the error. */
async function talk(
  port: number,
  options: TlsLayerOptions,
  names: { serverName?: string; alpn?: string[] } = {},
  bytes = utf8('hello'),
) {
  try {
    const plain = await nodeNetwork.dial({ host: '127.0.0.1', port, timeoutMs: 20_000 });
    const { stream, peer } = await nodeTlsLayer(options).connect(plain, { timeoutMs: 20_000, ...names });
    return { text: await answer(stream, bytes), peer };
  } catch (error) {
    return { text: (error as Error).message };
  }
}

function answer(stream: Stream, bytes: Uint8Array): Promise<string> {
  return new Promise((resolve) => {
    const chunks: Uint8Array[] = [];
    stream.onData((b) => chunks.push(b));
    stream.onClose((error) => resolve(error?.message ?? fromUtf8(concatBytes(chunks))));
    stream.write(bytes);
    stream.end();
  });
}

test('bytes pass both ways, with half-close, and the address is that of the connection below', async () => {
  const { port, peers } = await serve(serverSide);
  const { text, peer } = await talk(port, clientSide, { serverName: 'server.dc1.consul' });
  expect(text).toBe('5 bytes from 127.0.0.1');
  expect(peer).toMatchObject({ verified: true, dnsNames: ['server.dc1.consul', 'localhost'], alpn: '' });
  expect(peers).toMatchObject([{ verified: false, dnsNames: [] }]);
});

test('many handshakes at once keep to their own connections', async () => {
  const { port, peers } = await serve(serverSide, { timeoutMs: 20_000, clientCertificate: 'requested' });
  const sizes = Array.from({ length: 40 }, (_, i) => i + 1);
  const answers = await Promise.all(
    sizes.map((size) => {
      const options = size % 2 === 0 ? clientSide : { ca, verifyOutgoing: true };
      return talk(port, options, {}, new Uint8Array(size));
    }),
  );
  expect(answers.map((a) => a.text)).toEqual(sizes.map((size) => `${size} bytes from 127.0.0.1`));
  expect(peers.filter((p) => typeof p === 'object' && p.verified)).toHaveLength(20);
});

test('megabytes pass with back-pressure', async () => {
  const { port } = await serve(serverSide);
  const size = 8 * 1024 * 1024;
  expect((await talk(port, clientSide, {}, new Uint8Array(size))).text).toBe(`${size} bytes from 127.0.0.1`);
});

test('authorities for callers alone vouch for callers, from a reload on, and for nobody who is called', async () => {
  const [caKeys, keys, from] = [generateKey(), generateKey(), new Date()];
  const until = new Date(from.getTime() + 3_600_000);
  const options = { commonName: 'mesh', serial: 1n, days: 1, domain: 'consul', permittedNames: [], bareSubject: true };
  const mesh = { cert: createCa(options, caKeys, from), key: keyPem(caKeys.privateKey) };
  const names = { dnsNames: [], addresses: [], emails: [], uris: ['spiffe://td/agent/client/dc/dc1/id/n1'] };
  const cert = createMeshLeaf({ serial: 2n, publicKey: keys.publicKey, names, from, until }, mesh);
  const caller = { key: keyPem(keys.privateKey), cert, ca, verifyOutgoing: true };
  const { port, layer, peers } = await serve(serverSide, { ...ACCEPT, clientCertificate: 'required' });
  expect((await talk(port, caller)).text).not.toContain('bytes from');
  layer.reload({ ...serverSide, clientCa: [mesh.cert] });
  expect((await talk(port, caller)).text).toBe('5 bytes from 127.0.0.1');
  expect((await talk(port, clientSide)).text).toBe('5 bytes from 127.0.0.1');
  expect(peers.at(-2)).toMatchObject({ verified: true, uris: names.uris });
  expect(() =>
    layer.reload({ ...serverSide, clientCa: ['-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----'] }),
  ).toThrow();
  const impostor = await serve(caller);
  expect((await talk(impostor.port, { ...clientSide, clientCa: [mesh.cert] })).text).not.toContain('bytes from');
});

test('a client certificate is demanded, asked for, or not', async () => {
  const required = await serve(serverSide, { ...ACCEPT, clientCertificate: 'required' });
  expect((await talk(required.port, clientSide)).text).toBe('5 bytes from 127.0.0.1');
  expect((await talk(required.port, { ca, verifyOutgoing: true })).text).not.toContain('bytes from');
  const stranger = { ca, key: pem('other-key'), cert: pem('other'), verifyOutgoing: true };
  expect((await talk(required.port, stranger)).text).not.toContain('bytes from');
  expect(required.peers[0]).toMatchObject({ verified: true, dnsNames: ['client.dc1.consul', 'localhost'] });
  expect(required.peers.slice(1)).toEqual([
    "tls: client didn't provide a certificate",
    'tls: failed to verify certificate: x509: certificate signed by unknown authority',
  ]);

  const requested = await serve(serverSide, { ...ACCEPT, clientCertificate: 'requested' });
  expect((await talk(requested.port, clientSide)).text).toContain('bytes from');
  expect((await talk(requested.port, stranger)).text).toContain('bytes from');
  expect(requested.peers).toMatchObject([{ verified: true }, { verified: false }]);
});

test('the server is verified by chain, by name, or not at all', async () => {
  const { port } = await serve(serverSide);
  expect((await talk(port, { ca: pem('other'), verifyOutgoing: true })).text).toBe(
    'tls: failed to verify certificate: x509: certificate signed by unknown authority',
  );
  expect((await talk(port, { ca, verifyOutgoing: true }, { serverName: 'server.dc2.consul' })).text).toBe(
    'tls: failed to verify certificate: x509: certificate is valid for server.dc1.consul, localhost, not server.dc2.consul',
  );
  expect((await talk(port, { ca, verifyOutgoing: true })).text).toContain('bytes from');
  expect((await talk(port, { ca: pem('other'), verifyOutgoing: false })).text).toContain('bytes from');
});

test('who leaves in the middle of a handshake is not waited for', async () => {
  const { port, peers } = await serve(serverSide, { timeoutMs: 60_000, clientCertificate: 'required' });
  await talk(port, { ...clientSide, ca: pem('other') });
  const plain = await nodeNetwork.dial({ host: '127.0.0.1', port, timeoutMs: 20_000 });
  plain.end();
  await expect.poll(() => peers.length, { timeout: 4_000 }).toBe(2);
  expect(peers).toEqual([expect.stringMatching(/^tls: /), expect.stringMatching(/^tls: /)]);
});

test('both sides agree on a protocol, or the handshake fails', async () => {
  const { port, peers } = await serve(serverSide, { ...ACCEPT, alpn: ['consul/raft', 'consul/rpc-multi'] });
  expect((await talk(port, clientSide, { alpn: ['consul/rpc-multi'] })).peer?.alpn).toBe('consul/rpc-multi');
  expect((await talk(port, clientSide, { alpn: ['consul/unknown'] })).text).toContain('no application protocol');
  expect((await talk(port, clientSide)).peer?.alpn).toBe('');
  expect(peers).toMatchObject([{ alpn: 'consul/rpc-multi' }, expect.stringMatching(/^tls: /), { alpn: '' }]);
});

test('versions below the lowest do not get through, and unknown ciphers are refused at once', async () => {
  const { port, peers } = await serve({ ...serverSide, minVersion: 'TLSv1.3' });
  const text = await new Promise((resolve) => {
    const socket = tls.connect({ host: '127.0.0.1', port, ca, maxVersion: 'TLSv1.2' });
    socket.on('error', (error) => resolve(error.message));
    socket.on('secureConnect', () => resolve('through'));
  });
  expect(text).toContain('protocol version');
  expect(peers).toEqual([expect.stringMatching(/^tls: .*unsupported protocol/)]);
  expect(() => nodeTlsLayer({ ...clientSide, ciphers: 'NO-SUCH-CIPHER' })).toThrow(/^tls: /);
});

test('a peer that never shakes hands is given up, from both sides', async () => {
  const { port, peers } = await serve(serverSide, { ...ACCEPT, timeoutMs: 100 });
  const silent = await nodeNetwork.dial({ host: '127.0.0.1', port, timeoutMs: 2_000 });
  await new Promise<void>((resolve) => {
    silent.onData(() => undefined);
    silent.onClose(() => resolve());
  });
  expect(peers).toEqual([expect.stringMatching(/^tls: /)]);

  const deaf = await nodeNetwork.listen({ host: '127.0.0.1', port: 0 }, (stream) => stream.onData(() => undefined));
  cleanups.push(() => deaf.close());
  const plain = await nodeNetwork.dial({ host: '127.0.0.1', port: deaf.local.port, timeoutMs: 2_000 });
  await expect(nodeTlsLayer(clientSide).connect(plain, { timeoutMs: 100 })).rejects.toMatchObject({
    code: 'ETIMEDOUT',
  });
});

test('rubbish instead of a handshake is refused', async () => {
  const { port, peers } = await serve(serverSide);
  const stream = await nodeNetwork.dial({ host: '127.0.0.1', port, timeoutMs: 2_000 });
  await new Promise<void>((resolve) => {
    stream.onData(() => undefined);
    stream.onClose(() => resolve());
    stream.write(utf8('GET / HTTP/1.1\r\n\r\n'));
  });
  expect(peers).toEqual([expect.stringMatching(/^tls: /)]);
});

test('new certificates hold for the next handshake; unusable ones change nothing', async () => {
  const { layer, port } = await serve(serverSide);
  layer.reload({ ...serverSide, key: pem('other-key'), cert: pem('other') });
  expect((await talk(port, clientSide)).text).toMatch(/^tls: /);
  expect(() => layer.reload({ ...serverSide, key: pem('other-key') })).toThrowError(
    expect.objectContaining({ code: 'EINVAL' }),
  );
  layer.reload(serverSide);
  expect((await talk(port, clientSide)).text).toContain('bytes from');
});

test('names of a certificate are read as Node prints them', () => {
  expect(subjectAltNames('DNS:server.dc1.consul, URI:spiffe://x/y, IP Address:127.0.0.1')).toEqual([
    ['DNS', 'server.dc1.consul'],
    ['URI', 'spiffe://x/y'],
    ['IP Address', '127.0.0.1'],
  ]);
  expect(subjectAltNames('DNS:"a, DNS:server.dc1.consul", DNS:b')).toEqual([
    ['DNS', 'a, DNS:server.dc1.consul'],
    ['DNS', 'b'],
  ]);
  expect(subjectAltNames('')).toEqual([]);
});
