import { type Millis, type Rng, shuffle } from '@proconsul/base';
import type { RaftCluster } from './cluster.ts';
import type { SimServer } from './server.ts';

/** Who plays, and what clients and operators may be told to do. */
export interface Stage {
  readonly cluster: RaftCluster;
  readonly fate: Rng;
  later(delayMs: Millis, act: () => void): void;
  quietFor(forMs: Millis): void;
  write(count: number): void;
  read(): void;
  any(): SimServer;
  bounce(server: SimServer): void;
}

/** One follower and the leader do not see each other, others see both, and nobody writes: the logs are equally long. */
export function cutOneLink(stage: Stage): void {
  const { cluster, fate } = stage;
  const leader = cluster.leader();
  const other = stage.any();
  if (!leader || other === leader) return;
  cluster.note(`${leader.id} and ${other.id} do not see each other`);
  cluster.network.heal();
  cut(cluster, [leader], [other]);
  stage.quietFor(1000 + fate.float() * 3000);
  if (fate.float() < 0.5) return;
  for (const server of cluster.servers) {
    if (server === leader || server === other) continue;
    stage.later(500 + fate.float() * 1500, () => stage.bounce(server));
  }
}

/** Nothing passes from `from` to `to`, nor back. */
function cut({ network }: RaftCluster, from: readonly SimServer[], to: readonly SimServer[]): void {
  for (const a of from) {
    for (const b of to) {
      network.block(a.id, b.id);
      network.block(b.id, a.id);
    }
  }
}

/** The leader with fewer voters than half, and everybody who does not vote; and all the others. */
function capitals({ cluster, fate }: Stage, leader: SimServer): { court: SimServer[]; realm: SimServer[] } {
  const { servers: members } = leader.core!.configuration;
  const isVoter = (s: SimServer): boolean => members.some(({ id, suffrage }) => id === s.id && suffrage === 'voter');
  const others = shuffle(
    fate,
    cluster.servers.filter((s) => s !== leader),
  );
  const votes = others.filter(isVoter);
  // As many as leave the others a majority, or fewer.
  const most = Math.max(0, Math.floor(votes.length / 2) - 1);
  const companions = votes.slice(0, fate.float() < 0.7 ? most : fate.int(most + 1));
  const court = [leader, ...companions, ...others.filter((s) => !isVoter(s))];
  return { court, realm: others.filter((s) => !court.includes(s)) };
}

/**
 * The leader is told to hand over, and from then on hears only a few: for a moment there are two who lead, both with clients, and
 * both hear followers.
 */
export function coup(stage: Stage): void {
  const { cluster, fate } = stage;
  const leader = cluster.leader();
  if (!leader) return;
  const { court, realm } = capitals(stage, leader);
  const heir = realm[0];
  if (!heir) return;
  cluster.note(`${leader.id} hands over to ${heir.id} and then hears only ${court.map((s) => s.id)}`);
  cluster.network.heal();
  for (const a of realm) for (const b of court) cluster.network.block(a.id, b.id);
  leader.transfer(heir.id);
  for (let i = 1; i <= 8; i++) {
    stage.later(i * 60 + fate.float() * 30, () => {
      stage.write(1);
      stage.read();
    });
  }
  stage.later(600 + fate.float() * 2000, () => cluster.network.heal());
}

/**
 * The leader is cut off with too few, goes on for a moment with clients and with operators in a hurry, is deposed, and, when all see
 * each other again, leads once more. What its companions had to say the first time arrives only now. Returns how long that must not
 * be disturbed.
 */
export function siege(stage: Stage): Millis {
  const { cluster, fate } = stage;
  const leader = cluster.leader();
  if (!leader) return 0;
  const { network } = cluster;
  const { court, realm } = capitals(stage, leader);
  if (realm.length === 0) return 0;
  cluster.note(`${court.map((s) => s.id)} are besieged`);
  network.heal();
  cut(cluster, court, realm);
  for (let i = 0; i < 4; i++) stage.later(fate.float() * 400, () => stage.write(1 + fate.int(8)));
  if (fate.float() < 0.4) hurry(stage, leader);
  const held = court.filter((s) => s !== leader && fate.float() < 0.6);
  for (const { id } of held) stage.later(fate.float() * 150, () => network.clog(id, leader.id));
  const relievedAt = 900 + fate.float() * 2000;
  stage.later(relievedAt, () => {
    for (const a of court) {
      for (const b of realm) {
        network.unblock(a.id, b.id);
        network.unblock(b.id, a.id);
      }
    }
  });
  for (let i = 1; i <= 4; i++) {
    stage.later(relievedAt + i * (150 + fate.float() * 300), () => {
      const now = cluster.leader();
      if (now && now !== leader) now.transfer(leader.id);
      stage.write(fate.int(6));
    });
  }
  const releasedAt = relievedAt + 500 + fate.float() * 2500;
  for (const { id } of held) stage.later(releasedAt, () => network.unclog(id, leader.id));
  return releasedAt;
}

/** Members are changed one after the other, without waiting for what came of it. */
function hurry(stage: Stage, leader: SimServer): void {
  const { cluster, fate } = stage;
  for (let i = 0; i < 5; i++) {
    const { id } = cluster.servers[fate.int(cluster.servers.length)]!;
    const kind = fate.float() < 0.5 ? 'demote' : 'remove';
    if (id !== leader.id) stage.later(fate.float() * 300, () => leader.changeMembership({ kind, id }));
  }
}

/** Links are clogged one by one and unclogged in another order. Source: FoundationDB's "swizzle-clogging". */
export function swizzle(stage: Stage): void {
  const { cluster, fate } = stage;
  const links: (readonly [string, string])[] = [];
  for (const { id: a } of cluster.servers) {
    for (const { id: b } of cluster.servers) if (a !== b && fate.float() < 0.5) links.push([a, b]);
  }
  cluster.note(`${links.length} links are clogged one by one`);
  let at = 0;
  for (const [from, to] of shuffle(fate, [...links])) {
    stage.later(at, () => cluster.network.clog(from, to));
    at += fate.float() * 200;
  }
  for (const [from, to] of shuffle(fate, [...links])) {
    at += fate.float() * 200;
    stage.later(at, () => cluster.network.unclog(from, to));
  }
}

/**
 * A follower stops with the order to lead unread, while its leader goes on without it. What it reads later is older than the lease
 * that the leader holds by then. Returns how long that must not be disturbed.
 */
export function unreadOrder(stage: Stage): Millis {
  const { cluster, fate } = stage;
  const leader = cluster.leader();
  const heir = stage.any();
  if (!leader || heir === leader) return 0;
  cluster.network.heal();
  const pauseMs = 3200 + fate.float() * 1500;
  stage.quietFor(pauseMs);
  stage.later(500, () => heir.pause(pauseMs));
  // After a heartbeat that waits before it: the order looks fresh.
  stage.later(620 + fate.float() * 200, () => leader.transfer(heir.id));
  return 500 + pauseMs;
}

/**
 * A follower hears the leader and is not heard, while the leader forgets what a snapshot covers; then the follower forgets how much is
 * committed. For want of an answer the leader sends its snapshot to one who has all of it, and more.
 */
export function mute(stage: Stage): Millis {
  const { cluster, fate } = stage;
  const leader = cluster.leader();
  const victim = stage.any();
  if (!leader || victim === leader) return 0;
  cluster.note(`${victim.id} hears and is not heard`);
  const { network, servers } = cluster;
  network.heal();
  for (const { id } of servers) if (id !== victim.id) network.block(victim.id, id);
  stage.write(1 + fate.int(6));
  stage.later(20 + fate.float() * 200, () => {
    leader.takeSnapshot(0);
    stage.write(1 + fate.int(6));
  });
  stage.later(300 + fate.float() * 500, () => stage.bounce(victim));
  const forMs = 1500 + fate.float() * 3000;
  stage.later(forMs, () => {
    for (const { id } of servers) network.unblock(victim.id, id);
  });
  return forMs;
}
