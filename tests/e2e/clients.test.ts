import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { has, programMissing, type Reply, root, run, skipBecause, startAgent, type TestAgent } from './harness.ts';

// Clients as they are, installed outside the checkout: py-consul, and `consul` of npm. E2E_CLIENTS=1 installs them once.

const folder = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'proconsul-e2e');
const python = join(folder, 'python/bin/python');
const node = join(folder, 'node/node_modules/consul');
const mayInstall = Boolean(process.env['E2E_CLIENTS']);
const INSTALL_WITHIN_MS = 180_000;

const absent = (what: string, path: string) =>
  !existsSync(path) && !mayInstall && `${what} is not installed: set E2E_CLIENTS=1 to put it into ${folder}`;

async function must(command: readonly string[]): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const { code, stderr } = await run(command, { timeoutMs: INSTALL_WITHIN_MS });
  if (code !== 0) throw new Error(`${command.join(' ')}: ${stderr}`);
}

const script = (name: string) => join(root, 'tests/e2e/clients', name);
const noProgram = skipBecause(programMissing());

describe.skipIf(noProgram)('clients as they are', () => {
  let agent: TestAgent;
  beforeAll(async () => {
    agent = await startAgent({ mode: 'server' });
  });
  afterAll(() => agent?.stop());

  const noPython = noProgram || skipBecause(!has('python3') && 'python3 is not installed');
  test.skipIf(noPython || skipBecause(absent('py-consul', python)))(
    'py-consul',
    { timeout: INSTALL_WITHIN_MS },
    async () => {
      if (!existsSync(python)) {
        await must(['python3', '-m', 'venv', join(folder, 'python')]);
        await must([python, '-m', 'pip', 'install', '-q', 'py-consul==1.8.0']);
      }
      const ran = await run([python, script('client.py'), '127.0.0.1', String(agent.ports.http)], {
        timeoutMs: 60_000,
      });
      expect(ran.stderr).toBe('');
      expect(ran.stdout).toMatch(/^(ok .+\n){23}done\n$/);
    },
  );

  test.skipIf(noProgram || skipBecause(absent('consul of npm', node)))(
    'consul of npm',
    { timeout: INSTALL_WITHIN_MS },
    async () => {
      if (!existsSync(node)) {
        await must(['npm', 'install', '--silent', '--no-audit', '--prefix', join(folder, 'node'), 'consul@2.0.1']);
      }
      const ran = await run([process.execPath, script('client.mjs'), node, '127.0.0.1', String(agent.ports.http)]);
      expect(ran.stderr).toBe('');
      expect(ran.stdout).toMatch(/^(ok .+\n){17}done\n$/);
    },
  );

  test('loops of blocking reads with stale, as template renderers make them, render each change once', async () => {
    const rendered: string[] = [];
    const stop = new AbortController();
    const follow = async (path: string, render: (reply: Reply) => string) => {
      let index = 0;
      let last = '';
      while (!stop.signal.aborted) {
        const reply = await agent.get(`${path}&stale&wait=60s&index=${index}`);
        expect([200, 404]).toContain(reply.status);
        expect(reply.headers.get('x-consul-lastcontact')).toMatch(/^\d+$/);
        const next = Number(reply.headers.get('x-consul-index'));
        expect(next).toBeGreaterThanOrEqual(index === 0 ? 1 : index);
        index = next;
        const text = render(reply);
        if (text !== last) rendered.push(text);
        last = text;
      }
    };
    const ids = (r: Reply) => `services ${r.json().map((e: { Service: { ID: string } }) => e.Service.ID)}`;
    const loops = [
      follow('/v1/health/service/tpl?passing', ids),
      follow('/v1/kv/tpl/port?x', (r) => (r.status === 404 ? 'port none' : `port ${atob(r.json()[0].Value)}`)),
      follow('/v1/catalog/services?x', (r) => `catalog ${Object.keys(r.json()).filter((n) => n.startsWith('tpl'))}`),
    ];
    for (const loop of loops) loop.catch((error) => rendered.push(String(error)));
    const until = async (line: string) => {
      await expect.poll(() => rendered, { timeout: 10_000 }).toContain(line);
    };
    await until('services ');
    await until('port none');
    await until('catalog ');
    await agent.mustPut('/v1/kv/tpl/port', '8080');
    await until('port 8080');
    await agent.mustPut('/v1/agent/service/register', { Name: 'tpl', ID: 'tpl1', Port: 1 });
    await until('services tpl1');
    await until('catalog tpl');
    await agent.mustPut('/v1/agent/service/deregister/tpl1');
    await expect.poll(() => rendered.filter((line) => line === 'services ').length, { timeout: 10_000 }).toBe(2);
    stop.abort();
    await agent.mustPut('/v1/kv/tpl/port', '0');
    await agent.mustPut('/v1/agent/service/register', { Name: 'tpl', ID: 'tpl2', Port: 1 });
    await Promise.all(loops);
    expect(rendered.filter((line) => line.startsWith('port '))).toEqual(['port none', 'port 8080', 'port 0']);
  });
});
