import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

/** Where free ports are looked for: below the range that systems hand out to clients. `PROCONSUL_TEST_PORTS` moves it. */
const RANGES = (process.env['PROCONSUL_TEST_PORTS'] ?? '23000-29999').split(',').map((r) => r.split('-').map(Number));

const taken = new Set<number>();

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const tcp = createServer();
    tcp.once('error', () => resolve(false));
    tcp.listen(port, '127.0.0.1', () => {
      tcp.close(() => {
        const udp = createSocket('udp4');
        udp.once('error', () => resolve(false));
        udp.bind(port, '127.0.0.1', () => udp.close(() => resolve(true)));
      });
    });
  });
}

/** A port that nobody listens on, for TCP and UDP, and that this process has not been given before. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 1000; attempt++) {
    const [from = 0, to = 0] = RANGES[Math.floor(Math.random() * RANGES.length)] as number[];
    const port = from + Math.floor(Math.random() * (to - from + 1));
    if (taken.has(port)) continue;
    if (!(await isFree(port))) continue;
    taken.add(port);
    return port;
  }
  throw new Error('no free port');
}

/** Gives ports back whose listeners are gone. */
export function releasePorts(ports: Iterable<number>): void {
  for (const port of ports) taken.delete(port);
}
