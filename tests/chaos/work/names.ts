import { createSocket } from 'node:dgram';
import { decodeMessage } from '@proconsul/dns-wire';
import { dnsQuery } from '../../../bench/load.ts';
import { SERVICE } from './services.ts';
import { Worker } from './worker.ts';

const SRV = 33;
const NO_SUCH_NAME = 3;
const WITHIN_MS = 1_500;

/** The ports that an SRV question for the service is answered with; undefined without an answer. */
export function askNames(host: string, port: number): Promise<number[] | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    const end = (ports: number[] | undefined) => {
      clearTimeout(timer);
      socket.close();
      resolve(ports);
    };
    const timer = setTimeout(() => end(undefined), WITHIN_MS);
    socket.on('error', () => end(undefined));
    socket.on('message', (packet) => {
      const { answers, rcode = 0 } = decodeMessage(packet);
      const isAnswered = rcode === 0 || rcode === NO_SUCH_NAME;
      end(isAnswered ? answers.flatMap((a) => ('port' in a ? [a.port] : [])) : undefined);
    });
    socket.send(dnsQuery(`${SERVICE}.service.consul`, SRV), port, host);
  });
}

/** Asks agents for the names of the service. */
export class NameWorker extends Worker {
  /** Every port that was told, and by whom. */
  readonly told = new Map<number, string>();
  answered = 0;
  protected override readonly pauseMs = 120;

  protected async turn(): Promise<void> {
    const at = this.somewhere();
    const ports = await askNames(at.host, at.agent.ports.dns);
    if (ports === undefined) return;
    this.answered++;
    for (const port of ports) this.told.set(port, at.name);
  }
}
