import { fromUtf8, silentLog, utf8 } from '@proconsul/base';
import type { Caller } from '@proconsul/endpoints';
import type { UserEvent } from '@proconsul/http-api';
import { systemClock } from '@proconsul/io-node';
import type { KVSRequest } from '@proconsul/schema';
import { describe, expect, test } from 'vitest';
import { OUTPUT_BYTES, RemoteExec } from './remote-exec.ts';

/** A store of keys in which the job lies already. */
function world(job: object, options: { locks?: boolean } = {}) {
  const written: [string, string][] = [];
  const caller = {
    read(_method: unknown, args: { Key: string }, _o: unknown, done: (e: null, view: unknown) => void) {
      const value = args.Key === '_rexec/s1/job' ? { Value: utf8(JSON.stringify(job)) } : null;
      done(null, { value });
      return () => {};
    },
    async write(_method: unknown, { Op, DirEnt }: KVSRequest) {
      expect([Op, DirEnt.Session]).toEqual(['lock', 's1']);
      written.push([DirEnt.Key.replace('_rexec/s1/', ''), fromUtf8(DirEnt.Value ?? new Uint8Array(0))]);
      return options.locks ?? true;
    },
  } as unknown as Caller;
  const exec = new RemoteExec({ caller, nodeName: 'n1', clock: systemClock, log: silentLog, token: () => '' });
  const payload = JSON.stringify({ Prefix: '_rexec', Session: 's1' });
  const event = { ID: 'e1', Name: '_rexec', Payload: utf8(payload) } as UserEvent;
  return { written, handle: (given: Partial<UserEvent> = {}) => exec.handle({ ...event, ...given }) };
}

describe('remote execution', () => {
  test('acknowledges, writes the output and then the exit code', async () => {
    const { written, handle } = world({ Command: 'echo hi; exit 3', Wait: 2e9 });
    await handle();
    expect(written).toEqual([
      ['n1/ack', ''],
      ['n1/out/00000', 'hi\n'],
      ['n1/exit', '3'],
    ]);
  });

  test('runs arguments without a shell, and a script as it is', async () => {
    const plain = world({ Args: ['/bin/echo', '$HOME'], Wait: 2e9 });
    await plain.handle();
    expect(plain.written[1]).toEqual(['n1/out/00000', '$HOME\n']);
    const Script = Buffer.from('#!/bin/sh\necho from "$0" | sed "s,/.*/,,"\n').toString('base64');
    const script = world({ Script, Wait: 2e9 });
    await script.handle();
    expect(script.written[1]).toEqual(['n1/out/00000', 'from script\n']);
  });

  test('cuts long output into pieces, in order', async () => {
    const { written, handle } = world({ Command: 'yes abcdefg | head -c 20000', Wait: 2e9 });
    await handle();
    const pieces = written.filter(([key]) => key.startsWith('n1/out/'));
    expect(pieces.map(([, text]) => text).join('')).toBe('abcdefg\n'.repeat(2500));
    expect(Math.max(...pieces.map(([, text]) => text.length))).toBeLessThanOrEqual(OUTPUT_BYTES);
    expect(pieces.map(([key]) => Number.parseInt(key.slice(7), 16))).toEqual(pieces.map((_, i) => i));
  });

  test('gives signs of life while the command is silent', async () => {
    const { written, handle } = world({ Command: 'sleep 0.3', Wait: 50e6 });
    await handle();
    const signs = written.filter(([key, text]) => key.startsWith('n1/out/') && text === '');
    expect(signs.length).toBeGreaterThanOrEqual(2);
    expect(written.at(-1)).toEqual(['n1/exit', '0']);
  });

  test('of what cannot be started ends with 255', async () => {
    const { written, handle } = world({ Args: ['/nonexistent/program'], Wait: 2e9 });
    await handle();
    expect(written).toEqual([
      ['n1/ack', ''],
      ['n1/exit', '255'],
    ]);
  });

  test('does nothing when the session is gone or the order makes no sense', async () => {
    const gone = world({ Command: 'echo hi' }, { locks: false });
    await gone.handle();
    expect(gone.written).toEqual([['n1/ack', '']]);
    const odd = world({ Command: 'echo hi' });
    for (const Payload of [utf8('{'), utf8('{}'), null, utf8('{"Prefix":"a","Session":"other"}')]) {
      await odd.handle({ Payload });
    }
    expect(odd.written).toEqual([]);
  });
});
