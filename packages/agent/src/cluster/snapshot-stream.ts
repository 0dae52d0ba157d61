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
 * Asks a server for an archive. The chunks end with an error when the connection breaks. Our side of the connection stays open until
 * the archive is here: a server of the reference never reads that we have finished, and a connection that it closes with bytes unread
 * ends with a reset, which may come before its answer was read.
 */
export async function askForArchive(stream: Stream, request: SnapshotRequest): Promise<SavedArchive> {
  const paced = new PacedStream(stream);
  paced.ask(SnapshotRequest.encodeWire({ ...request, Op: SnapshotOp.save }));
  const answer = await answerOf(paced);
  return { index: answer.Index, chunks: restOf(paced) };
}

async function* restOf(paced: PacedStream): AsyncIterable<Uint8Array> {
  try {
    yield* paced.rest();
  } finally {
    paced.destroy();
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

async function answerOf(paced: PacedStream): Promise<SnapshotResponse> {
  try {
    const answer = SnapshotResponse.decodeWire(await paced.value());
    if (answer.Error !== '') throw new EndpointError('REMOTE', answer.Error);
    return answer;
  } catch (error) {
    paced.destroy();
    if (error instanceof EndpointError) throw error;
    throw new EndpointError('REMOTE', `failed to decode response: ${errorText(error)}`);
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
