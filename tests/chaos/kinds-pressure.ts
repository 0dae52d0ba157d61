import { createSocket } from 'node:dgram';
import { readdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { Background } from '../e2e/background.ts';
import { injure } from '../e2e/random.ts';
import { must } from './commands.ts';
import { type Kind, kind } from './kind.ts';
import type { Machine } from './machine.ts';
import type { Scene } from './scene.ts';

const PRESSURE_MS = [3000, 6000] as const;
const HOGS = 6;
const FLOOD = 600;
/** Descriptors beside those that a process has open. */
const SPARE_DESCRIPTORS = 4;
const RUBBISH = 400;
const RUBBISH_BYTES_MAX = 3000;

const busy = 'for (;;) Math.sqrt(Math.random())';

/** Opens connections and leaves them; returns what closes them. */
function flood(host: string, ports: readonly number[], count: number): () => void {
  const sockets: Socket[] = [];
  for (let n = 0; n < count; n++) {
    const socket = connect({ host, port: ports[n % ports.length] as number });
    socket.on('error', () => {});
    sockets.push(socket);
  }
  return () => {
    for (const socket of sockets) socket.destroy();
  };
}

/** The start of something sensible with injuries, or noise. */
function rubbish(random: () => number): Buffer {
  const starts = [
    'GET /v1/kv/a?index=1 HTTP/1.1\r\nHost: a\r\n\r\n',
    'PUT /v1/txn HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n[{"KV":{"Verb":"set"',
    '\x01\x00\x00\x00\x00\x00\x00\x00\x00',
    '\x02\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00',
    '\x04\x00\x01\x00\x00\x00\x00\x00\x01\x00\x00\x00\x10',
  ];
  if (random() < 0.5)
    return injure(Buffer.from(starts[Math.floor(random() * starts.length)] as string, 'latin1'), random) as Buffer;
  return Buffer.from(
    Array.from({ length: 1 + Math.floor(random() * RUBBISH_BYTES_MAX) }, () => Math.floor(random() * 256)),
  );
}

async function litter(scene: Scene, m: Machine): Promise<void> {
  const { http, server, serf_lan, dns } = m.agent.ports;
  const datagrams = createSocket('udp4');
  datagrams.on('error', () => {});
  for (let n = 0; n < RUBBISH; n++) {
    const bytes = rubbish(scene.random);
    const port = scene.pick([http, server, serf_lan, dns]);
    if (port === dns || scene.random() < 0.3)
      datagrams.send(bytes.subarray(0, 1400), scene.pick([dns, serf_lan]), m.host);
    else {
      const socket = connect({ host: m.host, port }, () => socket.end(bytes));
      socket.on('error', () => {});
      socket.setTimeout(2000, () => socket.destroy());
      socket.resume();
    }
    if (n % 10 === 0) await scene.pause(15);
  }
  datagrams.close();
}

export const PRESSURE_KINDS: readonly Kind[] = [
  kind('busy-machine', 'other processes take all the processor time', [], async (scene) => {
    const hogs = Array.from({ length: HOGS }, () => new Background([process.execPath, '-e', busy]));
    scene.note(`${HOGS} busy processes`);
    await scene.pause(scene.between(...PRESSURE_MS));
    await Promise.all(hogs.map((hog) => hog.stop()));
    scene.note('they have ended');
  }),
  kind('no-descriptors', 'a server has no more descriptors while many connect', ['prlimit'], async (scene) => {
    const m = scene.random() < 0.5 ? await scene.leader() : await scene.follower();
    // Whoever has no connection yet gets none: it may not answer for a while.
    m.unsound();
    const { pid } = m.agent;
    const open = readdirSync(`/proc/${pid}/fd`).length;
    const before = (await must('prlimit', '--pid', String(pid), '--nofile', '--noheadings', '-o', 'SOFT')).trim();
    await must('prlimit', '--pid', String(pid), `--nofile=${open + SPARE_DESCRIPTORS}:`);
    scene.note(`${m.name} has ${SPARE_DESCRIPTORS} descriptors left`);
    const { http, server } = m.agent.ports;
    const close = flood(m.host, [http, server], FLOOD / 10);
    await scene.pause(scene.between(...PRESSURE_MS));
    close();
    await must('prlimit', '--pid', String(pid), `--nofile=${before}:`);
    scene.note('it has enough again');
    m.mended();
  }),
  kind('flood', 'hundreds of connections to the ports of the leader that say nothing', [], async (scene) => {
    const m = await scene.leader();
    // More than one client may have.
    m.unsound();
    const { http, server, serf_lan } = m.agent.ports;
    scene.note(`${FLOOD} connections to ${m.name}`);
    const close = flood(m.host, [http, server, serf_lan], FLOOD);
    await scene.pause(scene.between(...PRESSURE_MS));
    close();
    scene.note('they are closed');
    m.mended();
  }),
  kind('rubbish', 'rubbish on every port of every agent', [], async (scene) => {
    scene.note('rubbish for all');
    await Promise.all(scene.machines.map((m) => litter(scene, m)));
  }),
];
