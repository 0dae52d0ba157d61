import { loadConfig } from '@proconsul/config';
import { expect, test } from 'vitest';
import { checkFromFile, serviceFromFile } from './definitions-from-files.ts';

/** Services and checks of a configuration file with this text. */
function load(text: string) {
  const { runtime } = loadConfig({
    args: ['-dev', '-bind=127.0.0.1', '-config-file=/a.hcl'],
    readFile: () => new TextEncoder().encode(text),
    listDir: () => [],
    stat: () => 'file',
    env: {},
    hostname: 'n1',
    interfaces: [],
  });
  return runtime;
}

test('a service of a file is one of the API, with its checks, its proxy and its sidecar', () => {
  const { services } = load(`services = [
    {
      name = "web"
      port = 80
      tags = ["a"]
      meta { k = "v" }
      check { id = "up", tcp = "127.0.0.1:80", interval = "10s" }
      connect { sidecar_service { port = 9000 } }
    },
    { name = "bare" },
  ]`);
  const [web, bare] = services.map(serviceFromFile);
  expect(web).toMatchObject({
    ...{ Name: 'web', Port: 80, Tags: ['a'], Meta: { k: 'v' } },
    Checks: [{ CheckID: 'up', TCP: '127.0.0.1:80', Interval: 10e9, ScriptArgs: null, Header: null }],
    Connect: { Native: false, SidecarService: { Port: 9000, Proxy: null } },
  });
  expect(bare).toMatchObject({ Name: 'bare', Tags: null, Meta: null, Checks: null, Connect: null, Proxy: null });
});

test('a check of a file keeps what it says', () => {
  const { checks } = load('check { id = "mem", name = "Memory", ttl = "30s", service_id = "web", status = "passing" }');
  expect(checks.map(checkFromFile)).toMatchObject([
    { ID: 'mem', Name: 'Memory', TTL: 30e9, ServiceID: 'web', Status: 'passing' },
  ]);
});
