import { connect } from 'node:net';
import { command } from '../command.ts';

/** What an agent listens on by default. Source: documentation of ports. */
const DEFAULT_PORTS = [8600, 8500, 8501, 8502, 8503, 8301, 8302, 8300];
const TIMEOUT_MS = 5000;

/** Whether somebody accepts connections there. */
function isOpen(host: string, text: string): Promise<boolean> {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : -1;
  if (port < 1 || port > 65535) return Promise.resolve(false);
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: TIMEOUT_MS });
    const end = (open: boolean) => {
      socket.destroy();
      resolve(open);
    };
    socket.on('connect', () => end(true));
    socket.on('timeout', () => end(false));
    socket.on('error', () => end(false));
  });
}

export const troubleshootPorts = command({
  name: 'troubleshoot ports',
  args: '[options]',
  help: 'Tells which ports of a host accept connections by TCP.\n\n    $ consul troubleshoot ports -host localhost\n    $ consul troubleshoot ports -host localhost -ports 1023,1024',
  flagErrorPrefix: 'Failed to parse args: ',
  flags: {
    host: { kind: 'string', doc: 'The host.' },
    ports: { kind: 'string', doc: 'Ports with commas between them. Default: those of an agent.' },
  },
  async run(c) {
    const { host, ports } = c.flags;
    const env = c.io.env['CONSUL_HTTP_ADDR'] ?? '';
    const target = host || env.replace(/^\w+:\/\//, '').replace(/:\d+$/, '');
    if (target === '') return c.fail('-host is required. or set environment variable CONSUL_HTTP_ADDR');
    const list = ports === '' ? DEFAULT_PORTS.map(String) : ports.split(',').map((text) => text.trim());
    const found = await Promise.all(list.map(async (port) => ({ port, open: await isOpen(target, port) })));
    for (const { port, open } of found) {
      const state = open ? 'open' : 'closed, unreachable, or the connection timed out';
      c.print(`TCP: Port ${port} on ${target} is ${state}.`);
    }
    return 0;
  },
});
