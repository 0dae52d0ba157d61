import { readFileSync } from 'node:fs';
import * as tls from 'node:tls';
import { fromUtf8, type Stream, utf8 } from '@proconsul/base';
import { expect, test } from 'vitest';
import { type TlsOptions, tlsNetwork } from './tls.ts';

const pem = (name: string): string => readFileSync(new URL(`../testdata/${name}.pem`, import.meta.url), 'utf8');
const ca = pem('ca');
const serverSide: TlsOptions = { key: pem('server-key'), cert: pem('server'), ca };
const clientSide: TlsOptions = { key: pem('client-key'), cert: pem('client'), ca };

/** Sends `hello` and returns the answer, or the text of the error. */
async function talk(options: TlsOptions, port: number, serverName?: string): Promise<string> {
  const where = { host: '127.0.0.1', port, timeoutMs: 5_000, ...(serverName ? { serverName } : {}) };
  try {
    const stream = await tlsNetwork(options).dial(where);
    return await ask(stream);
  } catch (error) {
    return (error as Error).message;
  }
}

function ask(stream: Stream): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    stream.onData((bytes) => {
      text += fromUtf8(bytes);
      stream.end();
    });
    stream.onClose((error) => resolve(error ? `closed: ${error.message}` : text || 'closed'));
    stream.write(utf8('hello'));
  });
}

async function serve(options: TlsOptions) {
  const network = tlsNetwork(options);
  const listener = await network.listen({ host: '127.0.0.1', port: 0 }, (stream) => {
    stream.onData((bytes) => stream.write(utf8(`echo ${fromUtf8(bytes)}`)));
  });
  return { network, listener, port: listener.local.port };
}

test('a client that trusts the authority talks to the server', async () => {
  const { listener, port } = await serve(serverSide);
  expect(await talk({ ca }, port)).toBe('echo hello');
  expect(await talk({ ca }, port, 'server.dc1.consul')).toBe('echo hello');
  await listener.close();
});

test('a wrong name and an unknown authority are refused unless checking is off', async () => {
  const { listener, port } = await serve(serverSide);
  expect(await talk({ ca }, port, 'server.dc2.consul')).toContain('altnames');
  expect(await talk({ ca, verifyServerName: false }, port, 'server.dc2.consul')).toBe('echo hello');
  expect(await talk({ ca: pem('other') }, port)).toContain('certificate');
  expect(await talk({ verifyOutgoing: false }, port)).toBe('echo hello');
  await listener.close();
});

test('with verifyIncoming only clients with a certificate of the authority get through', async () => {
  const { listener, port } = await serve({ ...serverSide, verifyIncoming: true });
  expect(await talk(clientSide, port)).toBe('echo hello');
  expect(await talk({ ca }, port)).toMatch(/closed|handshake|ECONNRESET/);
  expect(await talk({ ca, key: pem('other-key'), cert: pem('other') }, port)).toMatch(/closed|handshake|ECONNRESET/);
  await listener.close();
});

test('reload changes the certificate of an open listener, and a bad one changes nothing', async () => {
  const { network, listener, port } = await serve(serverSide);
  expect(() => network.reload({ key: pem('other-key'), cert: pem('server') })).toThrow('tls: ');
  expect(await talk({ ca }, port)).toBe('echo hello');
  network.reload({ key: pem('other-key'), cert: pem('other') });
  expect(await talk({ ca: pem('other') }, port, 'other.test')).toBe('echo hello');
  expect(await talk({ ca }, port)).not.toBe('echo hello');
  await listener.close();
});

test('a client below the least version is refused', async () => {
  const { listener, port } = await serve({ ...serverSide, minVersion: 'TLSv1.3' });
  const outcome = await new Promise<string>((resolve) => {
    const old = tls.connect({ host: '127.0.0.1', port, ca, maxVersion: 'TLSv1.2' }, () => resolve('connected'));
    old.on('error', (error) => resolve(error.message));
  });
  expect(outcome).toContain('version');
  expect(await talk({ ca }, port)).toBe('echo hello');
  await listener.close();
});

test('bytes that are no handshake end that connection only', async () => {
  const { listener, port } = await serve({ ...serverSide, handshakeTimeoutMs: 200 });
  const { nodeNetwork } = await import('./network.ts');
  const plain = await nodeNetwork.dial({ host: '127.0.0.1', port, timeoutMs: 5_000 });
  expect(await ask(plain)).not.toContain('echo');
  const silent = await nodeNetwork.dial({ host: '127.0.0.1', port, timeoutMs: 5_000 });
  await new Promise<void>((resolve) => silent.onClose(() => resolve()));
  expect(await talk({ ca }, port)).toBe('echo hello');
  await listener.close();
});
