import { errorText, type Stream } from '@proconsul/base';
import { EndpointError } from '@proconsul/endpoints';
import { QueryMeta, SnapshotRequest, SnapshotResponse } from '@proconsul/schema';
import { PacedStream } from './paced-stream.ts';

/** Operations of a snapshot connection. Source: RPC wire, section 8. */
const SnapshotOp = { save: 0, restore: 1 } as const;

export interface SavedArchive {
  /** Of the state that was saved. */
  readonly index: number;
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** What stands behind a snapshot connection. Both reject with the text that the other side gets. */
export interface SnapshotHandlers {
  save(request: SnapshotRequest): Promise<SavedArchive>;
  restore(request: SnapshotRequest, archive: AsyncIterable<Uint8Array>): Promise<void>;
}

/**
 * How often an archive is asked for whose connection ends before the answer. A server of the reference that leads need not read that we
 * have finished, and a connection closed with bytes unread ends with a reset, which may overtake what we have not read yet. One that does
 * not lead waits for that word, so it has to be said.
 */
const ASKED_TIMES = 3;

/** Asks a server for an archive, on a connection that `dial` makes. The chunks end with an error when it breaks. */
export async function askForArchive(dial: () => Promise<Stream>, request: SnapshotRequest): Promise<SavedArchive> {
  for (let attempt = 1; ; attempt++) {
    const paced = new PacedStream(await dial());
    try {
      await paced.say(SnapshotRequest.encodeWire({ ...request, Op: SnapshotOp.save }));
      const answer = await answerOf(paced);
      return { index: answer.Index, chunks: paced.rest() };
    } catch (error) {
      if (!(error instanceof BrokenOff) || attempt === ASKED_TIMES) throw error;
    }
  }
}

/** Gives a server an archive to take its state from. Resolves when it has. */
export async function giveArchive(
  stream: Stream,
  request: SnapshotRequest,
  archive: AsyncIterable<Uint8Array>,
): Promise<void> {
  const paced = new PacedStream(stream);
  await paced.say(SnapshotRequest.encodeWire({ ...request, Op: SnapshotOp.restore }), archive);
  await answerOf(paced);
  paced.destroy();
}

/** The connection ended without an answer. */
class BrokenOff extends EndpointError {}

async function answerOf(paced: PacedStream): Promise<SnapshotResponse> {
  try {
    const answer = SnapshotResponse.decodeWire(await paced.value());
    if (answer.Error !== '') throw new EndpointError('REMOTE', answer.Error);
    return answer;
  } catch (error) {
    paced.destroy();
    if (error instanceof EndpointError) throw error;
    throw new BrokenOff('REMOTE', `failed to decode response: ${errorText(error)}`);
  }
}

/** Serves one snapshot connection to its end. */
export async function serveSnapshot(stream: Stream, handlers: SnapshotHandlers): Promise<void> {
  const paced = new PacedStream(stream);
  try {
    const request = SnapshotRequest.decodeWire(await paced.value());
    await answer(paced, request, handlers).catch((error) =>
      paced.say(SnapshotResponse.encodeWire(SnapshotResponse.make({ Error: errorText(error) }))),
    );
  } catch {
    // The other side is gone, or never spoke this protocol.
    paced.destroy();
  }
}

async function answer(paced: PacedStream, request: SnapshotRequest, handlers: SnapshotHandlers): Promise<void> {
  const meta = QueryMeta.make({ KnownLeader: true });
  if (request.Op === SnapshotOp.save) {
    const { index, chunks } = await handlers.save(request);
    await paced.say(SnapshotResponse.encodeWire({ ...meta, Error: '', Index: index }), chunks);
    return;
  }
  if (request.Op !== SnapshotOp.restore) throw new Error(`unrecognized snapshot op ${request.Op}`);
  if (request.AllowStale) throw new Error('stale not allowed for restore');
  await handlers.restore(request, paced.rest());
  await paced.say(SnapshotResponse.encodeWire(SnapshotResponse.make({})));
}
