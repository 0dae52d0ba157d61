import { errorText, type Log, utf8 } from '@proconsul/base';
import { type GossipNode, hostPort } from '@proconsul/gossip';
import type { SerfMember } from './events.ts';
import { InternalQuery } from './key-messages.ts';
import { decodeConflictResponse } from './member-codec.ts';
import type { QueryOptions } from './pool.ts';

export interface ConflictDependencies {
  readonly log: Log;
  self(): SerfMember;
  ask(name: string, payload: Uint8Array, options: QueryOptions): Promise<void>;
  /** The pool knows another member by our name: there is no place for us. */
  quit(): void;
}

/** Two members claim one name. Source: gossip wire notes, section 4; texts recorded by running the reference. */
export class Conflicts {
  readonly #resolves: boolean;
  readonly #d: ConflictDependencies;
  #isResolving = false;

  /** `resolves`: whether to ask the pool when the name is ours. */
  constructor(resolves: boolean, dependencies: ConflictDependencies) {
    this.#resolves = resolves;
    this.#d = dependencies;
  }

  /** Gossip has seen it. */
  seen(existing: GossipNode, other: GossipNode): void {
    const { log } = this.#d;
    const at = (node: GossipNode) => hostPort(node.address, node.port);
    if (existing.name !== this.#d.self().name) {
      log.warn(`serf: Name conflict for '${existing.name}' both ${at(existing)} and ${at(other)} are claiming`);
      return;
    }
    const text = `serf: Node name conflicts with another node at ${at(other)}. Names must be unique!`;
    log.error(`${text} (Resolution enabled: ${this.#resolves})`);
    if (this.#resolves && !this.#isResolving) void this.#resolve();
  }

  async #resolve(): Promise<void> {
    this.#isResolving = true;
    try {
      await this.#askPool();
    } catch (error) {
      this.#d.log.error(`serf: Failed to start name resolution query: ${errorText(error)}`);
    } finally {
      this.#isResolving = false;
    }
  }

  /** Asks everybody else whom they know by our name. Without a majority for our address we quit. */
  async #askPool(): Promise<void> {
    const { log } = this.#d;
    const self = this.#d.self();
    let responses = 0;
    let matching = 0;
    await this.#d.ask(InternalQuery.conflict, utf8(self.name), {
      onResponse: (from, payload) => {
        try {
          const member = decodeConflictResponse(payload);
          responses++;
          if (member.address === self.address && member.port === self.port) matching++;
        } catch (error) {
          log.error(`serf: Failed to decode conflict query response of ${from}: ${errorText(error)}`);
        }
      },
    });
    const count = `[${matching} / ${responses}]`;
    if (matching >= Math.floor(responses / 2) + 1) {
      log.info(`serf: majority in name conflict resolution ${count}`);
      return;
    }
    log.warn(`serf: minority in name conflict resolution, quitting ${count}`);
    this.#d.quit();
  }
}
