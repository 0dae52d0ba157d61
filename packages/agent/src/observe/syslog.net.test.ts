import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManualClock } from '@proconsul/base/testing';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openSyslog, SYSLOG_RETRY_MS, SYSLOG_TRIES, syslogIsThere } from './syslog.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'syslog-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const LINE = '2026-11-21T02:07:26.312Z [INFO]  agent.server: member joined: member=n1';
const options = { facility: 'local0', tag: 'consul' };

async function receiver() {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return { socket, udpPort: socket.address().port };
}

test('without a local socket lines go by UDP, as the reference agent sends them', async () => {
  const { socket, udpPort } = await receiver();
  const sink = openSyslog(options, { socketPath: join(dir, 'none'), program: 'logger', udpPort })!;
  sink(LINE, 'DEBUG');
  const [bytes] = await once(socket, 'message');
  expect(String(bytes)).toMatch(
    /^<134>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d consul\[\d+\]: agent\.server: member joined: member=n1$/,
  );
  socket.close();
});

function helper(script: string): string {
  const path = join(dir, 'helper');
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}

test('with one, a helper program gets each line with its priority', async () => {
  const program = helper(`echo "$@" > ${dir}/args; exec cat > ${dir}/lines`);
  const sink = openSyslog(options, { socketPath: dir, program, udpPort: 1 })!;
  sink(LINE, 'INFO');
  sink('2026-11-21T02:07:26.312Z [ERROR] agent: x:\n  error=\n  | a\n  ', 'ERROR');
  await vi.waitFor(() => expect(readFileSync(join(dir, 'lines'), 'utf8').split('\n')).toHaveLength(6));
  expect(readFileSync(join(dir, 'lines'), 'utf8')).toBe(
    '<133>agent.server: member joined: member=n1\n<131>agent: x:\n<131>  error=\n<131>  | a\n<131>  \n',
  );
  expect(readFileSync(join(dir, 'args'), 'utf8')).toBe(`--prio-prefix --tag consul --id=${process.pid}\n`);
});

test.for(['missing', 'failing'])('when the helper is %s, lines go by UDP', async (kind) => {
  const { socket, udpPort } = await receiver();
  const program = kind === 'missing' ? join(dir, 'nosuch') : helper('exit 1');
  const sink = openSyslog(options, { socketPath: dir, program, udpPort })!;
  const received = once(socket, 'message');
  const timer = setInterval(() => sink(LINE, 'WARN'), 10);
  expect(String((await received)[0])).toMatch(/^<132>/);
  clearInterval(timer);
  socket.close();
});

test('a facility must exist', () => {
  expect(openSyslog({ facility: 'zz', tag: 'consul' })).toBeUndefined();
});

test('a daemon that is not there yet is looked for during a minute', async () => {
  const clock = new ManualClock();
  let there = false;
  const asked: string[] = [];
  const exists = (path: string) => {
    asked.push(path);
    return there && path === '/var/run/log';
  };
  const late = syslogIsThere(clock, exists);
  await clock.advance(SYSLOG_RETRY_MS);
  there = true;
  await clock.advance(SYSLOG_RETRY_MS);
  expect(await late).toBe(true);
  expect(asked.slice(0, 3)).toEqual(['/dev/log', '/var/run/syslog', '/var/run/log']);
  there = false;
  const never = syslogIsThere(clock, exists);
  await clock.advance(SYSLOG_TRIES * SYSLOG_RETRY_MS);
  expect(await never).toBe(false);
  expect(SYSLOG_TRIES * SYSLOG_RETRY_MS).toBe(60_000);
});
