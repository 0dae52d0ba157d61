import { expect, test } from 'vitest';
import { debugConfig } from './debug-config.ts';
import vectors from './testdata/self.json' with { type: 'json' };
import { load } from './testing/world.ts';

/** Only the fields that are recorded of a config entry; the reference adds what it computes. */
const recordedEntry = ({ Kind, Name, Config }: Record<string, unknown>) => ({ Kind, Name, Config });

const filesOf = (files: object): Record<string, string> =>
  Object.fromEntries(Object.entries(files).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));

test.for(vectors)('DebugConfig is that of the reference agent: $name', ({ args, files, expected }) => {
  const { runtime } = load(args, filesOf(files));
  const facts = { nodeId: expected.NodeID, version: expected.Version, buildDate: expected.BuildDate };
  const shown = JSON.parse(JSON.stringify(debugConfig(runtime, facts))) as Record<string, unknown>;
  const entries = shown['ConfigEntryBootstrap'] as Record<string, unknown>[];
  expect({ ...shown, ConfigEntryBootstrap: entries.map(recordedEntry) }).toEqual(expected);
});

test('no secret of any setting is shown', () => {
  const secret = 'c2VjcmV0c2VjcmV0c2VjcmV0';
  const { runtime, sources } = load(['-dev', '-hcl', SECRETS.replaceAll('SECRET', secret)]);
  const facts = { nodeId: '', version: '', buildDate: '' };
  expect(JSON.stringify(debugConfig(runtime, facts))).not.toContain(secret);
  expect(JSON.stringify(sources)).not.toContain(secret);
  expect(JSON.stringify(runtime)).toContain(secret);
});

const SECRETS = `
  encrypt = "SECRET"
  acl { tokens { default = "SECRET" agent = "SECRET" agent_recovery = "SECRET" replication = "SECRET" dns = "SECRET"
    initial_management = "SECRET" config_file_service_registration = "SECRET" } }
  service { name = "a" token = "SECRET" connect { sidecar_service { token = "SECRET" } } }
  check { name = "b" ttl = "1s" token = "SECRET" }
  watches = [{ type = "nodes" token = "SECRET" args = ["x"] }]
  connect { ca_provider = "vault" ca_config { token = "SECRET" private_key = "SECRET" auth_method { params { a = "SECRET" } } } }
  auto_config { intro_token = "SECRET" }
  telemetry { circonus_api_token = "SECRET" }
  cloud { client_secret = "SECRET" }
  ui_config { metrics_proxy { base_url = "http://x" add_headers = [{ name = "a" value = "SECRET" }] } }
`;
