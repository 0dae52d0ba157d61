import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tls from 'node:tls';
import { createCa, createLeaf, generateKey, keyPem, randomSerial } from '@proconsul/io-node/x509';
import { eventually, freePort, TestAgent } from '../e2e/harness.ts';

/** Words of another program than the one under test. */
export type Program = readonly string[] | undefined;

/** Servers that want a certificate of every caller, and clients that get theirs from them. */
export class CertifiedCluster {
  readonly dir = mkdtempSync(join(tmpdir(), 'proconsul-certified-'));
  readonly #agents: TestAgent[] = [];
  readonly #servers: TestAgent[] = [];

  readonly #authority: { readonly cert: string; readonly key: string };

  constructor() {
    const ca = generateKey();
    const options = { commonName: 'Agents CA', serial: randomSerial(), days: 2, domain: 'consul', permittedNames: [] };
    this.#authority = { cert: createCa(options, ca, new Date()), key: keyPem(ca.privateKey) };
    this.renewServerCertificate();
  }

  /** Another key and certificate of the same authority, in the files that servers read when they start or reload. */
  renewServerCertificate(): void {
    const keys = generateKey();
    const server = createLeaf(
      {
        commonName: 'server.dc1.consul',
        days: 1,
        dnsNames: ['server.dc1.consul', 'localhost'],
        addresses: ['127.0.0.1'],
        usage: ['serverAuth', 'clientAuth'],
      },
      keys,
      this.#authority,
      new Date(),
    );
    const files = { ca: this.#authority.cert, server, key: keyPem(keys.privateKey) };
    for (const [name, text] of Object.entries(files)) writeFileSync(this.#file(name), text);
  }

  #file(name: string): string {
    return join(this.dir, `${name}.pem`);
  }

  async #start(agent: TestAgent): Promise<TestAgent> {
    this.#agents.push(agent);
    await agent.start();
    return agent;
  }

  get #join() {
    const [first] = this.#servers;
    return first === undefined ? {} : { retry_join: [`127.0.0.1:${first.ports.serf_lan}`] };
  }

  /** One of `expect` servers. */
  async server(node: string, expect: number, program?: Program): Promise<TestAgent> {
    const internal_rpc = {
      ca_file: this.#file('ca'),
      cert_file: this.#file('server'),
      key_file: this.#file('key'),
      verify_incoming: true,
      verify_outgoing: true,
      verify_server_hostname: true,
    };
    const config = {
      bootstrap_expect: expect,
      retry_interval: '500ms',
      tls: { internal_rpc },
      auto_encrypt: { allow_tls: true },
      ...this.#join,
    };
    const agent = new TestAgent({ mode: 'peer', node, config, ...(program === undefined ? {} : { program }) });
    this.#servers.push(await this.#start(agent));
    return agent;
  }

  /** A client that knows of `via` alone before it has joined. `wants`: whether it asks for a certificate. */
  async client(node: string, via: TestAgent, { program, wants = true }: { program?: Program; wants?: boolean } = {}) {
    const https = await freePort();
    const config = {
      // The port of servers is the same everywhere: that of the one to ask.
      ports: { server: via.ports.server, https },
      retry_interval: '500ms',
      log_level: 'debug',
      performance: { rpc_hold_timeout: '1s' },
      tls: { internal_rpc: { ca_file: this.#file('ca'), verify_outgoing: true, verify_server_hostname: true } },
      ...(wants
        ? { auto_encrypt: { tls: true, dns_san: ['foo.bar'], ip_san: ['10.1.2.3'] } }
        : { ports: { server: via.ports.server } }),
      ...this.#join,
    };
    const agent = await this.#start(
      new TestAgent({ mode: 'client', node, config, ...(program === undefined ? {} : { program }) }),
    );
    return { agent, https };
  }

  async stop(): Promise<void> {
    await Promise.all(this.#agents.map((agent) => agent.stop()));
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** Who `server` sees leading. */
export async function leads(server: TestAgent): Promise<boolean> {
  return await eventually(
    async () => {
      const address = (await server.get('/v1/status/leader')).json<string>();
      return address === '' ? undefined : { leads: address === `127.0.0.1:${server.ports.server}` };
    },
    { withinMs: 25_000, what: 'a leader' },
  ).then((found) => found.leads);
}

/** Names in the certificate of an HTTPS port, once its chain and `servername` are found right by the roots of the mesh. */
export async function httpsNames(port: number, root: string): Promise<string> {
  return await new Promise((resolve, reject) => {
    const socket = tls.connect({ host: '127.0.0.1', port, ca: root, servername: 'foo.bar' }, () => {
      const names = socket.getPeerX509Certificate()?.subjectAltName ?? '';
      socket.end();
      resolve(names);
    });
    socket.on('error', reject);
  });
}

/** Files below a folder that hold a private key. */
export function filesWithKeys(dir: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter((name) => {
    const path = join(dir, name);
    return statSync(path).isFile() && readFileSync(path, 'latin1').includes('PRIVATE KEY');
  });
}
