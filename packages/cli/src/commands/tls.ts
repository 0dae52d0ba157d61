import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { createCa, createLeaf, generateKey, keyPem, type LeafOptions, randomSerial } from '@proconsul/io-node/x509';
import { CommandError, type Context, command } from '../command.ts';
import { fileError, goError } from '../go-error.ts';
import { FLAG_ERROR_PREFIX } from './raft.ts';

const CERT_MODE = 0o644;
const KEY_MODE = 0o600;
/** How many certificates of one kind may lie in one folder. */
export const CERT_FILES_MAX = 100_000;

const DOMAIN = { kind: 'string', default: 'consul', doc: 'Domain of the cluster.' } as const;

export const tlsCaCreate = command({
  name: 'tls ca create',
  args: '[options]',
  help: 'Makes a certificate authority in the current folder: its certificate and its key.\n\n    $ consul tls ca create',
  flagErrorPrefix: FLAG_ERROR_PREFIX,
  helpIsRight: true,
  flags: {
    'additional-name-constraint': {
      kind: 'list',
      doc: 'A further DNS name to permit with -name-constraint. May be repeated.',
    },
    'cluster-id': { kind: 'string', doc: 'ID of the cluster, to be named in the certificate.' },
    'common-name': { kind: 'string', doc: 'Common name of the certificate.' },
    days: { kind: 'int', default: 1825, doc: 'How many days it is valid.' },
    domain: DOMAIN,
    'name-constraint': {
      kind: 'bool',
      doc: 'Permit only certificates for the domain, localhost and the further names.',
    },
  },
  async run(c) {
    const { domain, days } = c.flags;
    const certFile = `${domain}-agent-ca.pem`;
    const keyFile = `${domain}-agent-ca-key.pem`;
    for (const file of [certFile, keyFile]) if (existsSync(file)) return c.fail(`${file} already exists.`);
    const serial = randomSerial();
    const additional = c.flags['additional-name-constraint'];
    const keys = generateKey();
    const cert = createCa(
      {
        commonName: c.flags['common-name'] || `Consul Agent CA ${serial}`,
        serial,
        days,
        domain,
        clusterId: c.flags['cluster-id'],
        permittedNames: c.flags['name-constraint'] ? [...additional, domain, 'localhost'] : [],
      },
      keys,
      new Date(),
    );
    save(c, certFile, cert, CERT_MODE);
    save(c, keyFile, keyPem(keys.privateKey), KEY_MODE);
    return 0;
  },
});

function save(c: Context, file: string, text: string, mode: number): void {
  try {
    writeFileSync(file, text, { mode });
  } catch (error) {
    throw new CommandError(fileError(error, 'open', file));
  }
  c.print(`==> Saved ${file}`);
}

const certFlags = {
  'additional-dnsname': { kind: 'list', doc: 'A further DNS name for the certificate. May be repeated.' },
  'additional-ipaddress': { kind: 'list', doc: 'A further IP address for the certificate. May be repeated.' },
  ca: { kind: 'string', default: '#DOMAIN#-agent-ca.pem', doc: 'Certificate of the authority.' },
  cli: { kind: 'bool', doc: 'Make a certificate for the command line.' },
  client: { kind: 'bool', doc: 'Make a certificate for a client agent.' },
  days: { kind: 'int', default: 365, doc: 'How many days it is valid.' },
  dc: { kind: 'string', default: 'dc1', doc: 'Datacenter of the agent.' },
  domain: DOMAIN,
  key: { kind: 'string', default: '#DOMAIN#-agent-ca-key.pem', doc: 'Key of the authority.' },
  node: { kind: 'string', doc: 'Name of the server, to be named in the certificate. Only with -server.' },
  server: { kind: 'bool', doc: 'Make a certificate for a server.' },
} as const;

type CertContext = Context<typeof certFlags>;
type Kind = 'server' | 'client' | 'cli';

const SERVER_WARNING =
  '==> WARNING: Server Certificates grants authority to become a\n' +
  '    server and access all state in the cluster including root keys\n' +
  '    and all ACL tokens. Do not distribute them to production hosts\n' +
  '    that are not server nodes. Store them as securely as CA keys.';

export const tlsCertCreate = command({
  name: 'tls cert create',
  args: '[options]',
  help:
    'Makes a certificate signed by the authority, for a server, a client agent or the command line.\n\n' +
    '    $ consul tls cert create -server',
  flagErrorPrefix: FLAG_ERROR_PREFIX,
  helpIsRight: true,
  flags: certFlags,
  async run(c) {
    const kinds = (['server', 'client', 'cli'] as const).filter((kind) => c.flags[kind]);
    const [kind] = kinds;
    if (kind === undefined || kinds.length > 1) return c.fail('Please provide either -server, -client, or -cli');
    if (c.flags.node !== '' && kind !== 'server') return c.fail('-node requires -server');
    const bad = c.flags['additional-ipaddress'].find((address) => isIP(address) === 0);
    if (bad !== undefined) return c.fail(`Invalid IP address: ${bad}`);
    return issue(c, kind);
  },
});

async function issue(c: CertContext, kind: Kind): Promise<number> {
  const { domain, dc } = c.flags;
  const stem = freeStem(`${dc}-${kind}-${domain}`);
  const caFile = c.flags.ca.replace('#DOMAIN#', domain);
  const caKeyFile = c.flags.key.replace('#DOMAIN#', domain);
  const ca = { cert: readPem(caFile, 'Error reading CA'), key: readPem(caKeyFile, 'Error reading CA key') };
  if (kind === 'server') c.print(SERVER_WARNING);
  c.print(`==> Using ${caFile} and ${caKeyFile}`);
  const keys = generateKey();
  let cert: string;
  try {
    cert = createLeaf(leafOptions(c, kind), keys, ca, new Date());
  } catch (error) {
    throw new CommandError(goError(error));
  }
  save(c, `${stem}.pem`, cert, CERT_MODE);
  save(c, `${stem}-key.pem`, keyPem(keys.privateKey), KEY_MODE);
  return 0;
}

function leafOptions(c: CertContext, kind: Kind): LeafOptions {
  const { domain, dc, node, days } = c.flags;
  const name = `${kind}.${dc}.${domain}`;
  const dnsNames = [...c.flags['additional-dnsname'], ...(node === '' ? [] : [`${node}.${name}`]), name, 'localhost'];
  const extra = c.flags['additional-ipaddress'];
  switch (kind) {
    case 'server':
      return {
        commonName: name,
        days,
        dnsNames,
        addresses: [...extra, '127.0.0.1'],
        usage: ['serverAuth', 'clientAuth'],
      };
    case 'client':
      return {
        commonName: name,
        days,
        dnsNames,
        addresses: [...extra, '127.0.0.1'],
        usage: ['clientAuth', 'serverAuth'],
      };
    case 'cli':
      return { commonName: name, days, dnsNames, addresses: extra, usage: [] };
  }
}

/** The first number for which neither file exists. */
function freeStem(prefix: string): string {
  for (let n = 0; n < CERT_FILES_MAX; n++) {
    const stem = `${prefix}-${n}`;
    if (!existsSync(`${stem}.pem`) && !existsSync(`${stem}-key.pem`)) return stem;
  }
  throw new CommandError("Could not find a filename that doesn't already exist");
}

function readPem(file: string, what: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new CommandError(`${what}: ${fileError(error, 'open', file)}`);
  }
}
