// A pool of hosts that follows a service: hosts come when their checks pass and go when they fail or leave.
// Node alone, no packages. Two ways to follow: asking every few seconds, and a blocking query, which is answered at the
// moment something changes.

/**
 * The hosts of one service. Give it each new list; it tells what came and what went.
 * @typedef {{ readonly id: string, readonly address: string, readonly port: number }} Host
 */
export class Pool {
  /** @type {Map<string, Host>} */
  #hosts = new Map();
  #next = 0;

  /** @param {{ added(host: Host): void, removed(host: Host): void }} listener */
  constructor(listener) {
    this.listener = listener;
  }

  get size() {
    return this.#hosts.size;
  }

  /** @param {readonly Host[]} hosts */
  update(hosts) {
    const now = new Map(hosts.map((h) => [`${h.id}@${h.address}:${h.port}`, h]));
    for (const [key, host] of this.#hosts) {
      if (now.has(key)) continue;
      this.#hosts.delete(key);
      this.listener.removed(host);
    }
    for (const [key, host] of now) {
      if (this.#hosts.has(key)) continue;
      this.#hosts.set(key, host);
      this.listener.added(host);
    }
  }

  /** The next host in turn, or undefined when there is none. */
  pick() {
    const all = [...this.#hosts.values()];
    return all[this.#next++ % all.length];
  }
}

/**
 * One look at the healthy instances. With `index` it waits until there is something newer, at most `waitSeconds`.
 * @returns {Promise<{ index: number, hosts: Host[] }>}
 */
export async function healthy(agent, service, { index = 0, waitSeconds = 60, signal } = {}) {
  const query = index > 0 ? `&index=${index}&wait=${waitSeconds}s` : '';
  const reply = await fetch(`${agent}/v1/health/service/${encodeURIComponent(service)}?passing${query}`, { signal });
  if (!reply.ok) throw new Error(`${reply.status} ${await reply.text()}`);
  const hosts = (await reply.json()).map(({ Node, Service }) => ({
    id: Service.ID,
    address: Service.Address || Node.Address, // A service without an address of its own has that of its node.
    port: Service.Port,
  }));
  return { index: Number(reply.headers.get('x-consul-index')), hosts };
}

const pause = (ms, signal) =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener('abort', () => resolve(clearTimeout(timer)), { once: true });
  });

/** Asks every `everyMs`. A failed question leaves the pool as it is: stale hosts are better than none. */
export async function followByPolling(agent, service, pool, { everyMs = 3000, signal, onError = () => {} } = {}) {
  while (!signal?.aborted) {
    try {
      pool.update((await healthy(agent, service, { signal })).hosts);
    } catch (error) {
      if (!signal?.aborted) onError(error);
    }
    await pause(everyMs, signal);
  }
}

/** Waits for changes. An index that goes backwards (a restored snapshot) starts over; failures pause longer each time. */
export async function followByBlocking(agent, service, pool, { waitSeconds = 60, signal, onError = () => {} } = {}) {
  let index = 0;
  let failures = 0;
  while (!signal?.aborted) {
    try {
      const answer = await healthy(agent, service, { index, waitSeconds, signal });
      failures = 0;
      pool.update(answer.hosts);
      index = answer.index < index ? 0 : Math.max(1, answer.index);
    } catch (error) {
      if (signal?.aborted) return;
      onError(error);
      await pause(Math.min(30_000, 250 * 2 ** failures++), signal);
    }
  }
}
