import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { existsSync } from 'node:fs';
import type { Level } from '@proconsul/base';
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

/** Severity by level. Source: RFC 5424 table 2; mapping of the documentation of enable_syslog. */
const SEVERITIES: Readonly<Record<Level, number>> = { TRACE: 7, DEBUG: 6, INFO: 5, WARN: 4, ERROR: 3 };

const LEVEL_PREFIX = /^\S+ \[[A-Z]+\] {1,2}/;

/** Lines that wait for the helper program before they are dropped. */
const PENDING_BYTES_MAX = 1024 * 1024;

/**
 * Sends lines to the system's log. Node has no datagram sockets of the unix domain, so where no syslog daemon listens
 * on UDP the system's own `logger` program carries the lines to /dev/log. Undefined when neither can be had.
 */
export function openSyslog(options: { facility: string; tag: string }): LineSink | undefined {
  const facility = FACILITIES[options.facility.toUpperCase()];
  if (facility === undefined) return undefined;
  if (existsSync('/dev/log')) return viaLogger(facility, options.tag);
  return viaUdp(facility, options.tag);
}

const bare = (line: string): string => line.replace(LEVEL_PREFIX, '');

function viaLogger(facility: number, tag: string): LineSink {
  const child = spawn('logger', ['--prio-prefix', '--tag', tag], { stdio: ['pipe', 'ignore', 'ignore'] });
  let broken = false;
  child.on('error', () => {
    broken = true;
  });
  child.stdin.on('error', () => {
    broken = true;
  });
  child.unref();
  return (line, level) => {
    if (broken || child.stdin.writableLength > PENDING_BYTES_MAX) return;
    child.stdin.write(`<${facility * 8 + SEVERITIES[level]}>${bare(line)}\n`);
  };
}

function viaUdp(facility: number, tag: string): LineSink {
  const socket = createSocket('udp4');
  socket.unref();
  socket.on('error', () => {});
  return (line, level) => {
    socket.send(`<${facility * 8 + SEVERITIES[level]}>${tag}[${process.pid}]: ${bare(line)}`, 514, '127.0.0.1');
  };
}
