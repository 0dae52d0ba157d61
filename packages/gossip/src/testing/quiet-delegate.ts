import { EMPTY_BYTES, fromUtf8 } from '@proconsul/base';
import type { Delegate, GossipNode } from '../delegate.ts';

/** A layer above that writes down what it hears. */
export class QuietDelegate implements Delegate {
  readonly events: string[] = [];
  readonly messages: string[] = [];
  readonly toSpread: Uint8Array[] = [];
  readonly pings: string[] = [];
  ownMeta: Uint8Array = EMPTY_BYTES;
  ownState: Uint8Array = EMPTY_BYTES;
  refusal: ((node: GossipNode) => string | undefined) | undefined;

  meta(): Uint8Array {
    return this.ownMeta;
  }
  onMessage(message: Uint8Array): void {
    this.messages.push(fromUtf8(message));
  }
  broadcasts(overhead: number, limit: number): readonly Uint8Array[] {
    const out: Uint8Array[] = [];
    let left = limit;
    for (let next = this.toSpread[0]; next !== undefined && next.length + overhead <= left; next = this.toSpread[0]) {
      left -= next.length + overhead;
      out.push(next);
      this.toSpread.shift();
    }
    return out;
  }
  localState(): Uint8Array {
    return this.ownState;
  }
  mergeState(state: Uint8Array, isJoin: boolean): void {
    this.events.push(`state ${fromUtf8(state)} ${isJoin}`);
  }
  onJoin(node: GossipNode): void {
    this.events.push(`join ${node.name}`);
  }
  onLeave(node: GossipNode): void {
    this.events.push(`${node.state === 3 ? 'left' : 'failed'} ${node.name}`);
  }
  onUpdate(node: GossipNode): void {
    this.events.push(`update ${node.name}`);
  }
  onConflict(existing: GossipNode, other: GossipNode): void {
    this.events.push(`conflict ${existing.name} ${existing.port} ${other.port}`);
  }
  onMerge(nodes: readonly GossipNode[]): string | undefined {
    return nodes.map((node) => this.refusal?.(node)).find((text) => text !== undefined);
  }
  onAlive(node: GossipNode): string | undefined {
    return this.refusal?.(node);
  }
  ackPayload(): Uint8Array {
    return Uint8Array.of(1, 2, 3);
  }
  onPingDone(node: GossipNode, rttMs: number, payload: Uint8Array): void {
    this.pings.push(`${node.name} ${rttMs >= 0} ${payload.join('.')}`);
  }
}
