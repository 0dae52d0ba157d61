import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { existsSync } from 'node:fs';
import type { Socket } from 'node:net';
import { type Clock, type Level, sleep } from '@proconsul/base';
import type { LineSink } from './logger.ts';

/** Numbers of the facilities. Source: RFC 5424 table 1. */
const FACILITIES: Readonly<Record<string, number>> = {
  KERN: 0,
  USER: 1,
  MAIL: 2,
  DAEMON: 3,
  AUTH: 4,
  SYSLOG: 5,
  LPR: 6,
  NEWS: 7,
  UUCP: 8,
  CRON: 9,
  AUTHPRIV: 10,
  FTP: 11,
  LOCAL0: 16,
  LOCAL1: 17,
  LOCAL2: 18,
  LOCAL3: 19,
  LOCAL4: 20,
  LOCAL5: 21,
  LOCAL6: 22,
  LOCAL7: 23,
};

/** Severity by level. Source: RFC 5424 table 2; priorities of recorded datagrams. */
const SEVERITIES: Readonly<Record<Level, number>> = { TRACE: 7, DEBUG: 6, INFO: 5, WARN: 4, ERROR: 3 };

/** Time and level, which syslog has in fields of its own. */
const LEVEL_PREFIX = /^\S+ \[[A-Z]+\] {1,2}/;

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** Lines that wait for the helper program before they are dropped. */
const PENDING_BYTES_MAX = 1024 * 1024;

/** Where the daemon of the machine listens, and the program that reaches it; others in tests. */
export interface SyslogPlaces {
  readonly socketPath: string;
  readonly program: string;
  readonly udpPort: number;
}

const PLACES: SyslogPlaces = { socketPath: '/dev/log', program: 'logger', udpPort: 514 };

/** Where daemons listen. Source: documentation of Go's log/syslog. */
const SOCKETS = ['/dev/log', '/var/run/syslog', '/var/run/log'] as const;

/** How often, and how many milliseconds apart, a daemon that is not there is looked for. Source: runs of the reference agent. */
export const SYSLOG_TRIES = 12;
export const SYSLOG_RETRY_MS = 5000;

/** Waits until a daemon listens. False when none did within {@link SYSLOG_TRIES} times {@link SYSLOG_RETRY_MS}. */
export async function syslogIsThere(clock: Clock, exists: (path: string) => boolean = existsSync): Promise<boolean> {
  for (let tries = 0; tries < SYSLOG_TRIES; tries++) {
    if (SOCKETS.some((path) => exists(path))) return true;
    await sleep(clock, SYSLOG_RETRY_MS);
  }
  return false;
}

/**
 * Sends lines to the system's log as `consul[pid]: agent: message`. Node has no datagram sockets of the unix domain, so
 * the system's own `logger` program carries the lines to /dev/log; where there is no such socket, or no such program,
 * they go by UDP to port 514 of this machine. Undefined for a facility that does not exist.
 * Source: enable_syslog in the configuration reference; RFC 3164; recorded datagrams.
 */
export function openSyslog(
  options: { facility: string; tag: string },
  places: SyslogPlaces = PLACES,
): LineSink | undefined {
  const facility = FACILITIES[options.facility.toUpperCase()];
  if (facility === undefined) return undefined;
  const byUdp = viaUdp(facility, options.tag, places.udpPort);
  return existsSync(places.socketPath) ? viaLogger(facility, options.tag, places.program, byUdp) : byUdp;
}

const bare = (line: string): string => line.replace(LEVEL_PREFIX, '');

/** Writes to the standard input of one helper for as long as it lives, and then to `otherwise`. */
function viaLogger(facility: number, tag: string, program: string, otherwise: LineSink): LineSink {
  const args = ['--prio-prefix', '--tag', tag, `--id=${process.pid}`];
  const child = spawn(program, args, { stdio: ['pipe', 'ignore', 'ignore'] });
  let broken = false;
  const breakOff = () => {
    broken = true;
  };
  child.on('error', breakOff);
  child.on('exit', breakOff);
  child.stdin.on('error', breakOff);
  child.unref();
  (child.stdin as Partial<Socket>).unref?.();
  return (line, level) => {
    if (broken) return otherwise(line, level);
    if (child.stdin.writableLength > PENDING_BYTES_MAX) return;
    const priority = `<${facility * 8 + SEVERITIES[level]}>`;
    // The helper reads line by line: each line of a block needs its priority.
    child.stdin.write(`${bare(line).replace(/^/gm, priority)}\n`);
  };
}

/** `Nov  2 06:01:45` in local time. */
function timestamp(date: Date): string {
  const two = (n: number) => String(n).padStart(2, '0');
  const day = String(date.getDate()).padStart(2, ' ');
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return `${MONTHS[date.getMonth()]} ${day} ${time}`;
}

function viaUdp(facility: number, tag: string, port: number): LineSink {
  const socket = createSocket('udp4');
  socket.unref();
  socket.on('error', () => {});
  return (line, level) => {
    const priority = facility * 8 + SEVERITIES[level];
    const text = `<${priority}>${timestamp(new Date())} ${tag}[${process.pid}]: ${bare(line)}`;
    socket.send(text, port, '127.0.0.1', () => {});
  };
}
