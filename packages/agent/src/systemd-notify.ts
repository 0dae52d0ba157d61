import { spawn } from 'node:child_process';
import { errorText, type Log } from '@proconsul/base';

/**
 * Tells the service manager that the agent is ready, where that has asked for it (`NOTIFY_SOCKET`; units with `Type=notify`). Node has no
 * datagram sockets of the unix domain, so systemd's own `systemd-notify` says it on behalf of the agent: the unit needs
 * `NotifyAccess=all`, unless the agent runs as root. Without an answer nobody waits: it is told once, and a failure is logged.
 * Source: sd_notify(3), systemd-notify(1); datagrams that the reference agent sends, READY=1 alone.
 */
export function notifyReady(
  env: Readonly<Record<string, string | undefined>>,
  log: Pick<Log, 'warn' | 'debug'>,
  program = 'systemd-notify',
): void {
  if (!env['NOTIFY_SOCKET']) return;
  const child = spawn(program, ['--ready'], { env, stdio: 'ignore' });
  child.on('error', (error) => log.warn('Cannot notify systemd', { error: errorText(error) }));
  child.on('exit', (code) => {
    if (code === 0) log.debug('systemd was told that the agent is ready');
    else log.warn('Cannot notify systemd', { error: `${program} exited with ${code}` });
  });
}
