import type { Clock, Timer } from '@proconsul/base';
import type { GossipNode } from './delegate.ts';
import type { Members } from './members.ts';
import { pingOf } from './node-messages.ts';
import type { MemberlistOptions } from './options.ts';
import type { PacketSender } from './packet-sender.ts';
import type { PendingAcks } from './pending-acks.ts';
import { MessageType } from './wire/message-type.ts';
import { ping } from './wire/messages.ts';

/** Where a member is, or was. */
export type Whereabouts = Pick<GossipNode, 'name' | 'address' | 'port'>;

export interface PingerDependencies {
  readonly clock: Clock;
  readonly members: Members;
  readonly sender: PacketSender;
  readonly acks: PendingAcks;
}

/** Asks whether somebody is there, outside of the rounds of probes: nothing follows from the answer, or from none. */
export class Pinger {
  readonly #options: MemberlistOptions;
  readonly #d: PingerDependencies;
  readonly #waiting = new Map<Timer, () => void>();

  constructor(options: MemberlistOptions, dependencies: PingerDependencies) {
    this.#options = options;
    this.#d = dependencies;
  }

  /** True when who has that name answers from that place within the time of a probe. No gossip rides along. */
  ping({ name, address, port }: Whereabouts): Promise<boolean> {
    const { acks, clock, members, sender } = this.#d;
    const self = members.get(this.#options.name)?.node;
    return new Promise((resolve) => {
      const settle = (isThere: boolean): void => {
        timer.cancel();
        this.#waiting.delete(timer);
        resolve(isThere);
      };
      const sequence = acks.expect({ onAck: () => settle(true) });
      if (self === undefined || sequence === undefined) return resolve(false);
      const giveUp = (): void => {
        acks.forget(sequence);
        settle(false);
      };
      const timer = clock.after(this.#options.probeTimeoutMs, giveUp);
      this.#waiting.set(timer, giveUp);
      sender.sendAlone({ host: address, port }, ping.encode(MessageType.ping, pingOf(name, sequence, self)));
    });
  }

  /** Nobody is there any more for those who still wait. */
  stop(): void {
    for (const giveUp of [...this.#waiting.values()]) giveUp();
  }
}
