import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Disks } from './disks.ts';
import { type Kind, kind } from './kind.ts';
import type { Machine } from './machine.ts';
import type { Scene } from './scene.ts';

const FULL_MS = [2000, 5000] as const;
/** How soon a process ends whose disk has failed, under writes. */
const ENDED_WITHIN_MS = 30_000;
const SEGMENT_HEADER_BYTES = 36;
const RECORD_HEADER_BYTES = 40;
const FLAG_BATCH_END = 4;
const HEAVY = 'h'.repeat(500_000);
/** One after the other. */
const POWER_CUTS = 10;
const HEAVY_WITHIN_MS = 3_000;
/** More of them than any log has reserved space for. */
const RESERVE_VALUES_MAX = 400;

const disksOf = (scene: Scene): Disks => scene.world.disks as Disks;
const disk = (name: string, what: string, run: Kind['run']): Kind => kind(name, what, ['disks'], run);

/** The files of the log, the oldest first. */
function segments(m: Machine): string[] {
  const folder = join(m.agent.dataDir, 'raft/log');
  return readdirSync(folder)
    .sort()
    .map((name) => join(folder, name));
}

/** Where the last record of a file ends: what follows is reserved space. */
function endOf(bytes: Uint8Array): number {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  return end;
}

/** The beginning of the record that would come next, made from the last one. Layout: packages/raft/src/disk/segment.ts. */
function nextTorn(bytes: Buffer, end: number, part: number): Buffer {
  let last = SEGMENT_HEADER_BYTES;
  for (let at = last; at + RECORD_HEADER_BYTES < end; ) {
    last = at;
    const isBatchEnd = (bytes.readUInt8(at + 13) & FLAG_BATCH_END) !== 0;
    at += RECORD_HEADER_BYTES + bytes.readUInt32LE(at + 4) + (isBatchEnd ? 1 : 0);
  }
  const size = bytes.readUInt32LE(last + 4);
  const torn = Buffer.from(bytes.subarray(last, last + RECORD_HEADER_BYTES + Math.floor(size * part)));
  if (torn.length >= RECORD_HEADER_BYTES) torn.writeBigUInt64LE(torn.readBigUInt64LE(16) + 1n, 16);
  return torn;
}

/** Loses what was not synced, and the process with it. */
async function cutPower(scene: Scene, victims: readonly Machine[]): Promise<void> {
  if (victims.length === scene.servers.length) scene.powerCuts++;
  scene.note(`power cut: ${victims.map((m) => m.name).join(' ')}`);
  await Promise.all(
    victims.map(async (m) => {
      m.unsound();
      await disksOf(scene).fail(m.agent.dataDir);
      await m.kill();
    }),
  );
  for (const m of victims) await renew(scene, m);
  await scene.pause(scene.between(0, 1500));
  for (const m of scene.shuffled(victims)) scene.start(m);
}

/** Mounts a disk again that had failed. */
async function renew(scene: Scene, { agent }: Machine): Promise<void> {
  await disksOf(scene).unmount(agent.dataDir);
  await disksOf(scene).mount(agent.dataDir);
}

/** A log has space that it reserved before the disk was full: large values take it up, until the server refuses one. */
async function useUpReserve(scene: Scene, m: Machine): Promise<void> {
  for (let n = 0; n < RESERVE_VALUES_MAX; n++) {
    const { status } = await m.client.put(`/v1/kv/heavy/${n % 8}`, HEAVY, HEAVY_WITHIN_MS);
    if (status === 200 && (await scene.leader()) === m) continue;
    scene.note(`${n} large values fitted into what was reserved; the next was answered with ${status}`);
    return;
  }
  scene.fail(`${m.name} took ${RESERVE_VALUES_MAX} large values on a full disk`);
}

async function giveBack(scene: Scene): Promise<void> {
  await scene.eventually(
    async () => (await (await scene.leader()).client.ask('DELETE', '/v1/kv/heavy/?recurse', undefined)).status === 200,
    { withinMs: 60_000, what: 'a write after there is space again' },
  );
}

export const DISK_KINDS: readonly Kind[] = [
  disk('disk-full', 'the disk of the leader fills up, and has space again later', async (scene) => {
    const m = await scene.leader();
    scene.note(`the disk of ${m.name} is full`);
    await disksOf(scene).fill(m.agent.dataDir);
    await useUpReserve(scene, m);
    await scene.pause(scene.between(...FULL_MS));
    disksOf(scene).free(m.agent.dataDir);
    scene.note('it has space again');
    await giveBack(scene);
  }),
  disk('disk-full-all', 'the disks of all servers fill up, and have space again later', async (scene) => {
    scene.note('all disks are full');
    await Promise.all(scene.servers.map((m) => disksOf(scene).fill(m.agent.dataDir)));
    await useUpReserve(scene, await scene.leader());
    await scene.pause(scene.between(...FULL_MS));
    for (const m of scene.servers) disksOf(scene).free(m.agent.dataDir);
    scene.note('they have space again');
    await giveBack(scene);
  }),
  disk(
    'disk-fails',
    'the disk of a server takes no more writes; its process ends, and comes back with another',
    async (scene) => {
      const m = scene.random() < 0.5 ? await scene.leader() : await scene.follower();
      scene.note(`the disk of ${m.name} fails`);
      m.unsound();
      await disksOf(scene).fail(m.agent.dataDir);
      const { code } = await m.agent.exit(ENDED_WITHIN_MS);
      m.isRunning = false;
      scene.note(`its process has ended with ${code}`);
      if (code !== 1) scene.fail(`${m.name}, whose disk has failed, ended with ${code}`);
      await renew(scene, m);
      scene.start(m);
    },
  ),
  disk('disk-stalls', 'the disk of the leader stands still, several times', async (scene) => {
    for (let n = 0; n < 4; n++) {
      const m = await scene.leader();
      const forMs = scene.between(50, 1500);
      scene.note(`the disk of ${m.name} stands still for ${forMs} ms`);
      disksOf(scene).freeze(m.agent.dataDir, forMs);
      await scene.pause(forMs + scene.between(200, 1000));
    }
  }),
  disk('disk-stalls-all', 'the disks of all servers stand still for moments', async (scene) => {
    for (let n = 0; n < 4; n++) {
      const times = scene.servers.map((m) => {
        const forMs = scene.between(20, 600);
        disksOf(scene).freeze(m.agent.dataDir, forMs);
        return forMs;
      });
      scene.note(`all disks stand still for up to ${Math.max(...times)} ms`);
      await scene.pause(Math.max(...times) + scene.between(200, 800));
    }
  }),
  disk('power-cut', 'one server loses its power, and all that was not synced', async (scene) => {
    await cutPower(scene, [scene.random() < 0.5 ? await scene.leader() : await scene.follower()]);
  }),
  disk('power-cut-all', 'all servers lose their power at once, and all that was not synced', async (scene) => {
    await cutPower(scene, scene.servers);
  }),
  disk('power-cut-often', 'all servers lose their power at once, again as soon as somebody leads', async (scene) => {
    for (let n = 0; n < POWER_CUTS; n++) {
      await cutPower(scene, scene.servers);
      await scene.leader();
      await scene.pause(scene.between(0, 1500));
    }
  }),
  disk('stall-kill-all', 'all servers are killed while their disks stand still', async (scene) => {
    const forMs = scene.between(1000, 2500);
    for (const m of scene.servers) disksOf(scene).freeze(m.agent.dataDir, forMs);
    await scene.pause(forMs * (0.5 + 0.3 * scene.random()));
    scene.note(`kill -9 of all servers in a standstill of ${forMs} ms`);
    // What stands still in the system dies when that goes on.
    await Promise.all(scene.servers.map((m) => m.kill()));
    for (const m of scene.shuffled(scene.servers)) scene.start(m);
  }),
  kind('torn-tail', 'a follower is killed, and its log ends in a write that was torn', [], async (scene) => {
    const m = await scene.follower();
    await scene.kill(m);
    const file = segments(m).at(-1) as string;
    const bytes = readFileSync(file);
    const end = Math.max(endOf(bytes), SEGMENT_HEADER_BYTES);
    const torn = nextTorn(bytes, end, scene.random());
    scene.note(`${torn.length} bytes of a torn write in the log of ${m.name} at ${end}`);
    writeFileSync(file, Buffer.concat([bytes.subarray(0, end), torn, bytes.subarray(end + torn.length)]));
    scene.start(m);
  }),
  kind('bit-flip', 'a bit flips in the log of a killed follower, which says so and is replaced', [], async (scene) => {
    const m = await scene.follower();
    await scene.kill(m);
    const file = segments(m)[0] as string;
    const bytes = readFileSync(file);
    // In the first half: something sound comes after it.
    const at = scene.between(SEGMENT_HEADER_BYTES, endOf(bytes) / 2);
    bytes[at] = (bytes[at] as number) ^ (1 << scene.between(0, 7));
    writeFileSync(file, bytes);
    scene.note(`a bit flips in the log of ${m.name} at ${at}`);
    scene.start(m);
    m.unsound();
    const told = m.agent.log.length;
    const { code } = await m.agent.exit(ENDED_WITHIN_MS);
    m.isRunning = false;
    if (code === 0 || !/\.log is damaged at byte \d+/.test(m.agent.log.slice(told - 2000)))
      scene.fail(`${m.name} has a damaged log, ended with ${code} and does not say so`);
    await replace(scene, m);
  }),
  kind('wiped', 'a server loses all its data and comes back empty', [], async (scene) => {
    const m = await scene.follower();
    await scene.kill(m);
    await replace(scene, m);
  }),
];

interface Peer {
  readonly ID: string;
  readonly Node: string;
}

/** What an operator does with a server whose data is lost: takes it out of the peers, and starts it with nothing. */
async function replace(scene: Scene, m: Machine): Promise<void> {
  const other = scene.servers.find((s) => s !== m) as Machine;
  await scene.eventually(
    async () => {
      const peers = await other.json<{ Servers: Peer[] }>('/v1/operator/raft/configuration');
      const gone = peers?.Servers.find((s) => s.Node === m.name || !scene.servers.some((o) => o.name === s.Node));
      if (peers !== undefined && gone === undefined) return true;
      if (gone !== undefined) await other.client.ask('DELETE', `/v1/operator/raft/peer?id=${gone.ID}`, undefined);
      return false;
    },
    { withinMs: 30_000, what: `${m.name} taken out of the peers` },
  );
  m.wipe();
  scene.note(`${m.name} has lost all its data`);
  scene.start(m);
}
