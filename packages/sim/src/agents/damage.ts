import type { Millis, Rng } from '@proconsul/base';
import { SimulationFailure } from '../raft/failure.ts';
import type { Machine } from './machine.ts';
import { pick, type Scene } from './scene.ts';

/** All servers vote within this time, in a cluster that is healed. */
const VOTING_WITHIN_MS: Millis = 240_000;
/** A server has started, or said why not. */
const STARTED_WITHIN_MS: Millis = 10_000;
/** A peer is removed within this time. */
const REMOVED_WITHIN_MS: Millis = 30_000;

/**
 * A server finds its disk damaged when it starts, in a cluster that is well and at work: it names the file and serves nothing, or
 * starts as if nothing had been. An operator removes the peer, then its data; it gets everything back from the others.
 */
export class DamageStory {
  readonly #scene: Scene;
  readonly #rng: Rng;

  constructor(scene: Scene) {
    this.#scene = scene;
    this.#rng = scene.rng('damage');
  }

  async one(): Promise<void> {
    const scene = this.#scene;
    const { servers } = scene;
    await this.#must(() => this.#voters() === servers.length, VOTING_WITHIN_MS, 'not every server votes');
    const m = pick(this.#rng, servers);
    m.isKept = false;
    if (this.#rng.float() < 0.5) m.kill();
    else m.cutPower();
    m.harm(this.#rng.float() < 0.6);
    await scene.run(this.#rng.float() * 4000);
    m.start();
    await this.#must(() => m.isRunning || m.hasNamedDamage, STARTED_WITHIN_MS, `${m.name} neither starts nor says why`);
    scene.count(m.hasNamedDamage ? 'damagesNamed' : 'damagesHarmless');
    if (m.hasNamedDamage) await this.#replace(m);
    m.isKept = true;
  }

  /** A voter that has forgotten what it promised may not come back as the same: it is removed before its data is. */
  async #replace(m: Machine): Promise<void> {
    const scene = this.#scene;
    let isOver = false;
    const attempt = async (): Promise<void> => {
      if (isOver) return;
      await scene.change(pick(this.#rng, scene.machines), 'DELETE', `/v1/operator/raft/peer?id=${m.nodeId}`);
      await scene.sleep(300);
      await attempt();
    };
    attempt().catch((error: Error) => scene.fail(error));
    await this.#must(() => this.#isRemoved(m), REMOVED_WITHIN_MS, `${m.name} stays a peer`);
    isOver = true;
    // What was asked for last is answered before the server is there again.
    await this.#must(() => !m.isUp, STARTED_WITHIN_MS, `${m.name} has not ended`);
    await scene.run(1000);
    m.wipe();
    m.start();
  }

  #voters(): number {
    return this.#scene.leader?.server?.raft.configuration().servers.filter((s) => s.suffrage === 'voter').length ?? 0;
  }

  /** Its removal is committed. */
  #isRemoved(m: Machine): boolean {
    const raft = this.#scene.leader?.server?.raft;
    if (raft === undefined || raft.configuration().servers.some((s) => s.id === m.nodeId)) return false;
    const { latest_configuration_index: changed, commit_index: committed } = raft.stats();
    return Number(changed) <= Number(committed);
  }

  async #must(isTrue: () => boolean, withinMs: Millis, otherwise: string): Promise<void> {
    if (!(await this.#scene.until(isTrue, withinMs))) throw new SimulationFailure(otherwise);
  }
}
