import type { Network } from '@proconsul/base';
import { dialTcp, listenTcp } from './tcp.ts';
import { bindUdp } from './udp.ts';

/** TCP, unix-domain sockets and UDP of this machine. Nagle's algorithm is off on every TCP stream. */
export const nodeNetwork: Network = { listen: listenTcp, dial: dialTcp, bindUdp };
