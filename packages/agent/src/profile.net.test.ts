import { fromUtf8 } from '@proconsul/base';
import { expect, test } from 'vitest';
import { isProfileName, ProfileBusyError, type ProfileName, type ProfileOptions, takeProfile } from './profile.ts';
import { realClock } from './runners/testing/real-clock.ts';

const take = async (name: ProfileName, options: ProfileOptions = {}) => {
  const { contentType, bytes } = await takeProfile(name, options, realClock);
  return { contentType, text: fromUtf8(bytes) };
};

test('a processor profile has nodes and samples', async () => {
  const { contentType, text } = await take('profile', { seconds: 0.2 });
  expect(contentType).toBe('application/json');
  const profile = JSON.parse(text);
  expect(profile.nodes.length).toBeGreaterThan(0);
  expect(profile.samples.length).toBeGreaterThan(0);
  expect(profile.endTime - profile.startTime).toBeGreaterThan(150_000);
});

test('a heap profile has the allocations of its time', async () => {
  const { text } = await take('heap', { seconds: 0.1 });
  expect(JSON.parse(text).head.callFrame.functionName).toBe('(root)');
});

test('what keeps the event loop alive is listed by kind', async () => {
  const timer = setTimeout(() => {}, 60_000);
  const { contentType, text } = await take('goroutine');
  clearTimeout(timer);
  expect(contentType).toBe('text/plain; charset=utf-8');
  expect(text).toMatch(/^resource profile: total [1-9]\d*\n[\s\S]*[1-9]\d* Timeout\n/);
});

test('the command line is separated by NUL', async () => {
  expect((await take('cmdline')).text.split('\0')[0]).toBe(process.execPath);
});

test('one profile of a kind at a time; one can be ended early', async () => {
  const stop = new AbortController();
  const first = take('profile', { seconds: 600, signal: stop.signal });
  await expect(take('profile', { seconds: 0 })).rejects.toThrow(ProfileBusyError);
  setTimeout(() => stop.abort(), 50);
  expect(JSON.parse((await first).text).nodes.length).toBeGreaterThan(0);
  await take('profile', { seconds: 0 });
});

test('names', () => {
  expect(['profile', 'heap', 'symbol', ''].map(isProfileName)).toEqual([true, true, false, false]);
});
