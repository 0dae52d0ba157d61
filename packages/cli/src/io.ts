import type { Transport } from '@proconsul/client';
import type { Environment } from '@proconsul/client/node';

/** What a command sees of the world outside. Only `main.ts` makes one from the process; tests make their own. */
export interface Io {
  readonly env: Environment;
  /** Writes to standard output as it is. */
  write(chunk: string | Uint8Array): void;
  /** Writes to standard error as it is. */
  writeError(chunk: string | Uint8Array): void;
  /** Standard input, from where it stands. */
  stdin(): AsyncIterable<Uint8Array>;
  /** Calls `fn` at each SIGINT, SIGTERM or SIGHUP in place of ending the process, until the result is called. */
  onSignal(fn: (signal: NodeJS.Signals) => void): () => void;
  /** Children write straight to the process's own streams, rather than through `write` and `writeError`. */
  readonly sharesStreams?: boolean;
  /** Carries requests to the agent, in place of the network. */
  readonly transport?: Transport | undefined;
}

/** Everything that standard input still holds. */
export async function readStdin(io: Io): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of io.stdin()) chunks.push(chunk);
  return Buffer.concat(chunks);
}
