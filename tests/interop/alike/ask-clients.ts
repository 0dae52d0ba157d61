import { isDeepStrictEqual } from 'node:util';
import { eventually, pause } from '../../e2e/harness.ts';
import {
  afterwards,
  askDns,
  beforehand,
  type Duo,
  duos,
  GONE,
  meanwhile,
  names,
  questions,
  serverFailed,
  startDuo,
  synced,
} from './clients.ts';
import type { Differences } from './differences.ts';
import type { Request } from './requests.ts';
import { type Alike, Side } from './side.ts';

/** How often a read is asked again before its answers count as different, and how long after the last time. */
const RETRIES = 4;
const RETRY_MS = 100;
const SYNC_WITHIN_MS = 60_000;
/** Lines of an agent's log that are shown when it does not do what it should. */
const LOG_LINES = 12;

/**
 * Asks two client agents the same: what `random` asks, then a fixed list while their server is there, when it has just been
 * killed, when it is known to be dead, and when it is back. Adds where they differ to `found`; returns how much was asked.
 */
export async function askClients(
  servers: 'reference' | 'ours',
  seed: number,
  found: Differences,
  random: (sides: readonly [Side, Side]) => Promise<number>,
): Promise<number> {
  const both = duos(servers);
  const [ours, theirs] = both;
  const sides = [new Side(ours.client, ours.server), new Side(theirs.client, theirs.server)] as const;
  let asked = 0;
  const ask = async (when: string, requests: readonly Request[]) => {
    for (const request of requests) {
      asked++;
      await compare(sides, request, seed, when, found);
    }
  };
  const dns = async (when: string) => {
    for (const [name, type] of names) {
      asked++;
      const answers = await Promise.all(both.map((duo) => askDns(duo, name, type)));
      add(answers, { method: 'DNS', path: `${name} ${type}` }, seed, when, found);
    }
  };
  try {
    await Promise.all(both.map(startDuo));
    asked += await random(sides);
    await forget(both);
    await ask('before: ', beforehand);
    await pause(RETRY_MS);
    await ask('before: ', questions);
    await dns('before: ');
    await Promise.all(both.map(({ server }) => server.kill()));
    // Before the pool has noticed: a few of each.
    await ask(
      'killed: ',
      questions.filter((_, n) => n % 30 === 0),
    );
    await Promise.all(both.map(serverFailed));
    await ask('dead: ', questions);
    await ask('dead: ', meanwhile);
    await dns('dead: ');
    await Promise.all(both.map(({ server }) => server.start()));
    await Promise.all(both.map(synced));
    await agreement(both);
    await ask('back: ', afterwards);
    await ask('back: ', questions);
    await dns('back: ');
    for (const side of sides) side.close();
    return asked;
  } finally {
    await Promise.all(both.flatMap(({ server, client }) => [server.stop(), client.stop()]));
  }
}

async function compare(
  sides: readonly [Side, Side],
  request: Request,
  seed: number,
  when: string,
  found: Differences,
): Promise<void> {
  let answers = await Promise.all(sides.map((side) => side.ask(request)));
  for (let i = 0; i < RETRIES && request.method === 'GET' && !isDeepStrictEqual(answers[0], answers[1]); i++) {
    await pause(RETRY_MS);
    answers = await Promise.all(sides.map((side) => side.ask(request)));
  }
  add(answers, request, seed, when, found);
}

function add(answers: readonly Alike[], request: Request, seed: number, when: string, found: Differences): void {
  const [ours, theirs] = answers as [Alike, Alike];
  if (theirs.status === 0 || isDeepStrictEqual(ours, theirs)) return;
  found.add({ seed, request, ours, theirs, writes: [] }, when);
}

/** Takes back what random questions have written. */
async function forget(both: readonly Duo[]): Promise<void> {
  for (const { client } of both) {
    const keys = async (path: string) => Object.keys((await client.get(path)).json());
    await client.delete('/v1/kv/?recurse');
    await client.put('/v1/agent/maintenance?enable=false');
    for (const id of await keys('/v1/agent/services')) await client.put(`/v1/agent/service/deregister/${id}`);
    for (const id of await keys('/v1/agent/checks')) await client.put(`/v1/agent/check/deregister/${id}`);
    for (const { ID } of (await client.get('/v1/query')).json()) await client.delete(`/v1/query/${ID}`);
    for (const { ID } of (await client.get('/v1/session/list')).json()) await client.put(`/v1/session/destroy/${ID}`);
    for (const { Node } of (await client.get('/v1/catalog/nodes')).json())
      if (Node !== 'srv' && Node !== 'agent-x') await client.put('/v1/catalog/deregister', { Node });
  }
}

/** Returns when the servers know what the client agents have, and no more of what they had. */
async function agreement(both: readonly Duo[]): Promise<void> {
  for (const { client } of both) {
    const own = Object.keys((await client.get('/v1/agent/services')).json());
    const problem = async (): Promise<string | undefined> => {
      const { Services } = (await client.get('/v1/catalog/node/agent-x?consistent')).json();
      const missing = own.filter((id) => !(id in Services));
      if (missing.length > 0) return `${client.host}: not in the catalog: ${missing}`;
      return GONE in Services ? `${client.host}: still in the catalog: ${GONE}` : undefined;
    };
    let last: string | undefined;
    await eventually(
      async () => {
        last = await problem();
        return last === undefined;
      },
      { withinMs: SYNC_WITHIN_MS },
    ).catch(() => {
      throw new Error(
        `${last}\n${client.log
          .split('\n')
          .filter((line) => /WARN|ERROR/.test(line))
          .slice(-LOG_LINES)
          .join('\n')}`,
      );
    });
  }
}
