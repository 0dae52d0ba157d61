import { writeFileSync } from 'node:fs';
import { must, mustWith, works } from './commands.ts';

const PREFERENCE = 100;
/** Bytes that a narrow link lets through at once. */
const BURST_BYTES = 3000;

/**
 * The network between agents: each in a namespace of its own, with one link to the namespace of this program, which forwards
 * between them. A rule there drops what one sends another, silently, as a bad switch would; this program reaches all of them
 * whatever is cut. Source: ip-rule(8), tc-tbf(8).
 */
export class Links {
  readonly #hosts = new Map<string, { readonly node: string; readonly gateway: string }>();
  readonly #rules = new Set<string>();
  readonly #narrow = new Set<string>();
  #given = 0;

  static async open(): Promise<Links> {
    await must('ip', 'link', 'set', 'lo', 'up');
    writeFileSync('/proc/sys/net/ipv4/ip_forward', '1');
    return new Links();
  }

  /** A namespace for one agent: its address, and the words that run a command in it. */
  async add(node: string): Promise<{ readonly host: string; readonly within: readonly string[] }> {
    const n = ++this.#given;
    const [gateway, host] = [`10.77.${n}.1`, `10.77.${n}.2`];
    await must('ip', 'netns', 'add', node);
    await this.#ip(
      `link add ${near(node)} type veth peer name eth0 netns ${node}`,
      `addr add ${gateway}/24 dev ${near(node)}`,
      `link set ${near(node)} up`,
    );
    const inside = [
      `addr add ${host}/24 dev eth0`,
      'link set eth0 up',
      'link set lo up',
      `route add default via ${gateway}`,
    ];
    await mustWith(inside.join('\n'), 'ip', '-n', node, '-batch', '-');
    this.#hosts.set(host, { node, gateway });
    return { host, within: ['nsenter', `--net=/run/netns/${node}`] };
  }

  /** Nothing that one of `from` sends reaches one of `to` any more. */
  async cut(from: readonly string[], to: readonly string[]): Promise<void> {
    await this.#change('add', from, to);
  }

  /** Both ways. */
  async part(left: readonly string[], right: readonly string[]): Promise<void> {
    await this.cut(left, right);
    await this.cut(right, left);
  }

  async mend(from: readonly string[], to: readonly string[]): Promise<void> {
    await this.#change('del', from, to);
  }

  async #change(verb: 'add' | 'del', from: readonly string[], to: readonly string[]): Promise<void> {
    const wanted = from.flatMap((a) => to.filter((b) => a !== b).map((b) => `from ${a} to ${b}`));
    const changed = wanted.filter((rule) => this.#rules.has(rule) === (verb === 'del'));
    for (const rule of changed) this.#rules[verb === 'add' ? 'add' : 'delete'](rule);
    await this.#ip(...changed.map((rule) => `rule ${verb} ${rule} blackhole pref ${PREFERENCE}`));
  }

  /** Pulls the cable out: nobody reaches the agent, this program neither, and its system knows. */
  async unplug(host: string): Promise<void> {
    await this.#ip(`link set ${this.#near(host)} down`);
  }

  async plug(host: string): Promise<void> {
    await this.#ip(`link set ${this.#near(host)} up`);
  }

  /** Lets only so many kilobits a second through, either way; what waits longer than `queueMs` is lost. */
  async squeeze(host: string, kilobits: number, queueMs: number): Promise<void> {
    const shape = ['root', 'tbf', 'rate', `${kilobits}kbit`, 'burst', `${BURST_BYTES}`, 'latency', `${queueMs}ms`];
    const { node } = this.#of(host);
    await must('tc', 'qdisc', 'replace', 'dev', near(node), ...shape);
    await must('tc', '-n', node, 'qdisc', 'replace', 'dev', 'eth0', ...shape);
    this.#narrow.add(host);
  }

  /** Delays, loses, doubles and reorders what the agent sends. Needs {@link hasNetem}. */
  async disturb(host: string, ...how: readonly string[]): Promise<void> {
    const { node } = this.#of(host);
    await must('tc', '-n', node, 'qdisc', 'replace', 'dev', 'eth0', 'root', 'netem', ...how);
    this.#narrow.add(host);
  }

  /** Undoes everything but {@link unplug}. */
  async heal(): Promise<void> {
    const rules = [...this.#rules];
    this.#rules.clear();
    await this.#ip(...rules.map((rule) => `rule del ${rule} blackhole pref ${PREFERENCE}`));
    for (const host of this.#narrow) {
      const { node } = this.#of(host);
      await works('tc', 'qdisc', 'del', 'dev', near(node), 'root');
      await works('tc', '-n', node, 'qdisc', 'del', 'dev', 'eth0', 'root');
    }
    this.#narrow.clear();
  }

  async close(): Promise<void> {
    await this.heal();
    for (const { node } of this.#hosts.values()) {
      // The link first: with its namespace it would go some time later.
      await works('ip', 'link', 'del', near(node));
      await works('ip', 'netns', 'del', node);
    }
  }

  #of(host: string): { readonly node: string } {
    const found = this.#hosts.get(host);
    if (found === undefined) throw new Error(`nobody has the address ${host}`);
    return found;
  }

  readonly #near = (host: string): string => near(this.#of(host).node);

  async #ip(...commands: readonly string[]): Promise<void> {
    if (commands.length > 0) await mustWith(commands.join('\n'), 'ip', '-batch', '-');
  }
}

const near = (node: string): string => `v-${node}`;

/** Whether this kernel can delay packets. */
export async function hasNetem(): Promise<boolean> {
  const netem = await works('tc', 'qdisc', 'add', 'dev', 'lo', 'root', 'netem', 'delay', '1ms');
  if (netem) await works('tc', 'qdisc', 'del', 'dev', 'lo', 'root');
  return netem;
}
