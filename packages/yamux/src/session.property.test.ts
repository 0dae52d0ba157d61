import { concatBytes, type Stream, silentLog } from '@proconsul/base';
import { ManualClock, settle } from '@proconsul/base/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeHeader, type FrameType } from './frame.ts';
import { SESSION_BUFFER_BYTES } from './limits.ts';
import { YamuxSession } from './session.ts';
import { pipe } from './testing/index.ts';

/** Frames that are nearly right, which gets further than plain noise. */
const frames = fc
  .record({
    type: fc.constantFrom<FrameType>(0, 1, 2, 3),
    flags: fc.oneof(fc.constantFrom(0, 1, 2, 4, 8), fc.integer({ min: 0, max: 20 })),
    id: fc.oneof({ weight: 8, arbitrary: fc.integer({ min: 0, max: 8 }) }, fc.integer({ min: 0, max: 0xffff_ffff })),
    length: fc.oneof(
      { weight: 4, arbitrary: fc.integer({ min: 0, max: 40 }) },
      fc.integer({ min: 0, max: 0xffff_ffff }),
    ),
    body: fc.uint8Array({ maxLength: 60 }),
  })
  .map(({ type, flags, id, length, body }) =>
    concatBytes([
      encodeHeader(type, flags, id, length),
      type === 0 && length === 40 ? new Uint8Array(40) : type === 0 ? body.subarray(0, length) : new Uint8Array(0),
    ]),
  );

const garbage = fc.array(fc.oneof({ weight: 6, arbitrary: frames }, fc.uint8Array({ maxLength: 40 })), {
  maxLength: 30,
});

const RUNS = Number(process.env['FUZZ_RUNS'] ?? 300);

test.for(['listener', 'dialler'] as const)(
  'no bytes bring down a %s, and when it is closed nothing is left',
  async (role) => {
    await fc.assert(
      fc.asyncProperty(garbage, fc.integer({ min: 1, max: 50 }), fc.boolean(), async (parts, cut, isPaused) => {
        const clock = new ManualClock();
        const [peer, base] = pipe();
        peer.onData(() => undefined);
        const session = new YamuxSession(base, { role }, { clock, log: silentLog });
        const open: Stream[] = [];
        session.onStream((stream) => {
          open.push(stream);
          stream.onData((bytes) => stream.write(bytes));
          if (isPaused) stream.pause();
        });
        if (role === 'dialler') session.open().write(new Uint8Array(10));
        const bytes = concatBytes(parts);
        for (let at = 0; at < bytes.length; at += cut) peer.write(bytes.subarray(at, at + cut));
        await settle();
        expect(session.heldBytes).toBeLessThanOrEqual(SESSION_BUFFER_BYTES);
        session.close();
        await clock.advance(2_000);
        expect(session.streamCount).toBe(0);
        expect(session.heldBytes).toBe(0);
        expect(clock.waiting).toBe(0);
        expect(base.isClosed).toBe(true);
      }),
      { numRuns: RUNS },
    );
  },
);

test('whatever is written arrives whole and in order, through any windows and pauses', async () => {
  const step = fc.record({
    stream: fc.integer({ min: 0, max: 3 }),
    size: fc.integer({ min: 0, max: 200_000 }),
    pause: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
      const clock = new ManualClock();
      const [a, b] = pipe({ highWaterBytes: 50_000 });
      const dialler = new YamuxSession(a, { role: 'dialler' }, { clock, log: silentLog });
      const listener = new YamuxSession(b, { role: 'listener' }, { clock, log: silentLog });
      const theirs: Stream[] = [];
      const got: number[] = [];
      let isRight = true;
      listener.onStream((stream) => {
        const index = theirs.push(stream) - 1;
        got[index] = 0;
        stream.onData((bytes) => {
          for (const byte of bytes) isRight &&= byte === got[index]!++ % 251;
        });
      });
      const ours = [dialler.open(), dialler.open(), dialler.open(), dialler.open()];
      const sent = [0, 0, 0, 0];
      await settle();
      for (const { stream, size, pause } of steps) {
        const start = sent[stream]!;
        ours[stream]!.write(Uint8Array.from({ length: size }, (_, i) => (start + i) % 251));
        sent[stream] = start + size;
        if (pause) theirs[stream]!.pause();
        else theirs[stream]!.resume();
        await settle();
      }
      for (const stream of theirs) stream.resume();
      for (let i = 0; i < 20; i++) await settle();
      expect(got).toEqual(sent);
      expect(isRight).toBe(true);
    }),
    { numRuns: 20 },
  );
});
