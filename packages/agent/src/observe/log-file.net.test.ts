import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LogFile } from './log-file.ts';

let dir: string;
let nowMs: number;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'log-file-'));
  nowMs = Date.now();
});
afterEach(() => rmSync(dir, { recursive: true }));

const open = (path: string, options: { rotateBytes?: number; rotateDurationMs?: number; maxFiles?: number } = {}) =>
  new LogFile({ path, rotateBytes: 0, rotateDurationMs: 86_400_000, maxFiles: 0, ...options }, () => nowMs++);

test('a path that ends with a slash is a directory for consul.log; the mode keeps others out', () => {
  const file = open(`${dir}/sub/`);
  file.sink('one', 'INFO');
  file.close();
  expect(readFileSync(join(dir, 'sub', 'consul.log'), 'utf8')).toBe('one\n');
  expect(statSync(join(dir, 'sub', 'consul.log')).mode & 0o777 & ~0o640).toBe(0);
});

test('lines are appended to what is there', () => {
  writeFileSync(join(dir, 'a.log'), 'old\n');
  const file = open(join(dir, 'a.log'));
  file.sink('new', 'INFO');
  file.close();
  expect(readFileSync(join(dir, 'a.log'), 'utf8')).toBe('old\nnew\n');
});

test('a file that has grown to the limit is renamed to its nanoseconds before the next line', () => {
  const file = open(join(dir, 'a.log'), { rotateBytes: 8 });
  for (const line of ['1234567', 'second', 'third']) file.sink(line, 'INFO');
  file.close();
  const archives = readdirSync(dir).filter((name) => name !== 'a.log');
  expect(archives).toHaveLength(1);
  expect(archives[0]).toMatch(/^a-\d{19}\.log$/);
  expect(readFileSync(join(dir, archives[0]!), 'utf8')).toBe('1234567\n');
  expect(readFileSync(join(dir, 'a.log'), 'utf8')).toBe('second\nthird\n');
});

test('a file that is old enough is renamed', () => {
  const file = open(join(dir, 'plain'), { rotateDurationMs: 1000 });
  file.sink('one', 'INFO');
  nowMs += 2000;
  file.sink('two', 'INFO');
  file.close();
  expect(readdirSync(dir).sort()).toEqual([expect.stringMatching(/^plain-\d{19}\.log$/), 'plain'].reverse());
});

test('archives beyond the number to keep go, the oldest first, at the start too; other files stay', () => {
  for (const name of ['a-1.log', 'a-2.log', 'a-3.log', 'a-x.log', 'b-1.log']) writeFileSync(join(dir, name), '');
  open(join(dir, 'a.log'), { maxFiles: 2 }).close();
  expect(readdirSync(dir).sort()).toEqual(['a-2.log', 'a-3.log', 'a-x.log', 'a.log', 'b-1.log']);
  open(join(dir, 'a.log'), { maxFiles: -1 }).close();
  expect(readdirSync(dir).sort()).toEqual(['a-x.log', 'a.log', 'b-1.log']);
});

test('a file that cannot be opened is told at once', () => {
  writeFileSync(join(dir, 'file'), '');
  expect(() => open(join(dir, 'file', 'a.log'))).toThrow();
});

test('a file that was taken away is made anew when it is its turn', () => {
  const file = open(join(dir, 'a.log'), { rotateBytes: 4 });
  file.sink('one line', 'INFO');
  rmSync(join(dir, 'a.log'));
  file.sink('next', 'INFO');
  file.close();
  expect(readFileSync(join(dir, 'a.log'), 'utf8')).toBe('next\n');
});

test('an error of the disk costs lines, not the agent', () => {
  const file = open(join(dir, 'a.log'), { rotateBytes: 4 });
  file.sink('one line', 'INFO');
  rmSync(join(dir, 'a.log'));
  mkdirSync(join(dir, 'a.log'));
  // The directory is renamed away like a file would be; what is written next is found in a file again.
  file.sink('next', 'INFO');
  file.close();
  file.sink('after the end', 'INFO');
  expect(readFileSync(join(dir, 'a.log'), 'utf8')).toBe('next\n');
});
