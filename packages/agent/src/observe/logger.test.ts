import { ManualClock } from '@proconsul/base/testing';
import { expect, test } from 'vitest';
import { HELD_LINES_MAX, LogHub } from './logger.ts';

const hubAt = (level: 'TRACE' | 'INFO' | 'WARN', json = false) => new LogHub({ level, json }, new ManualClock());
const tail = (line: string) => line.slice(line.indexOf('['));

test('lines wait until the sinks are known, and then come in order', () => {
  const hub = hubAt('INFO');
  const lines: string[] = [];
  hub.logger('agent').info('first');
  hub.open([(line) => lines.push(tail(line))]);
  hub.logger('agent').named('server').info('second', { a: 1 });
  expect(lines).toEqual(['[INFO]  agent: first', '[INFO]  agent.server: second: a=1']);
});

test('no more lines wait than the bound says', () => {
  const hub = hubAt('INFO');
  for (let n = 0; n < HELD_LINES_MAX + 10; n++) hub.logger('agent').info(String(n));
  let count = 0;
  hub.open([() => count++]);
  expect(count).toBe(HELD_LINES_MAX);
});

test('the level can be changed while running', () => {
  const hub = hubAt('INFO');
  const lines: string[] = [];
  hub.open([(line) => lines.push(tail(line))]);
  const log = hub.logger('agent');
  log.debug('no');
  hub.setLevel('TRACE');
  log.trace('yes');
  hub.setLevel('WARN');
  log.info('no');
  log.warn('yes');
  expect(lines).toEqual(['[TRACE] agent: yes', '[WARN]  agent: yes']);
});

test('a listener has its own level and form, hears only what comes after it, and can leave', () => {
  const hub = hubAt('WARN');
  const own: string[] = [];
  const heard: string[] = [];
  hub.open([(line) => own.push(line)]);
  const log = hub.logger('agent');
  log.error('before');
  const leave = hub.listen({ level: 'DEBUG', json: true }, (line) => heard.push(line));
  log.debug('while');
  log.trace('too low');
  leave();
  log.error('after');
  expect(own).toHaveLength(2);
  expect(heard.map((line) => JSON.parse(line)['@message'])).toEqual(['while']);
});
