import type { Rng } from '@proconsul/base';
import type { Machine } from './machine.ts';
import { pick, type Scene } from './scene.ts';

/** People who change the cluster while it runs, by HTTP, without waiting for anything to be well. */
export class Operators {
  readonly #scene: Scene;
  readonly #rng: Rng;

  constructor(scene: Scene) {
    this.#scene = scene;
    this.#rng = scene.rng('operators');
  }

  transfer(): void {
    const { servers } = this.#scene;
    const to = this.#rng.float() < 0.3 ? `?id=${pick(this.#rng, servers).nodeId}` : '';
    this.#ask('hands the leadership over', 'PUT', `/v1/operator/raft/transfer-leader${to}`);
  }

  /** A server that may be alive and well is no peer any more, until the leader finds it among the members. */
  removePeer(): void {
    const m = pick(this.#rng, this.#scene.servers);
    this.#ask(`removes the peer ${m.name}`, 'DELETE', `/v1/operator/raft/peer?id=${m.nodeId}`);
  }

  /** A member is said to have left: when it is there, it says otherwise. */
  forceLeave(): void {
    const { servers, wanderer } = this.#scene;
    const m = pick(this.#rng, wanderer === undefined ? servers : [...servers, wanderer]);
    const prune = this.#rng.float() < 0.3 ? '?prune' : '';
    this.#ask(`makes ${m.name} leave`, 'PUT', `/v1/agent/force-leave/${m.name}${prune}`);
  }

  leave(m: Machine): void {
    this.#scene.note('*', `an operator lets ${m.name} leave`);
    void this.#scene.change(m, 'PUT', '/v1/agent/leave');
  }

  #ask(what: string, method: string, target: string): void {
    const at = pick(this.#rng, this.#scene.machines);
    this.#scene.note('*', `an operator at ${at.name} ${what}`);
    void this.#scene.change(at, method, target);
  }
}
