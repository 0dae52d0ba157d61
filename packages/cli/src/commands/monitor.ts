import { command } from '../command.ts';
import { goError } from '../go-error.ts';

export const monitor = command({
  name: 'monitor',
  args: '[options]',
  help: "Shows the agent's log as it is written, at any level, until interrupted.",
  http: {},
  flags: {
    'log-json': { kind: 'bool', doc: 'Ask for lines in JSON.' },
    'log-level': { kind: 'string', default: 'INFO', doc: 'Lowest level to show.' },
  },
  async run(c) {
    const stop = new AbortController();
    const off = c.io.onSignal(() => stop.abort());
    const { agent } = c.consul;
    const logLevel = c.flags['log-level'];
    const logJson = c.flags['log-json'];
    try {
      const stream = await c.attempt(`Error starting ${logJson ? 'JSON ' : ''}monitor: `, () =>
        agent.monitor({ logLevel, logJson, signal: stop.signal }),
      );
      await copyLines(stream, (line) => c.print(line));
    } catch (error) {
      if (stop.signal.aborted) return 0;
      if (!isBrokenStream(error)) throw new Error(goError(error));
    } finally {
      off();
    }
    if (stop.signal.aborted) return 0;
    c.warn('Remote side ended the monitor! This usually means that the\nremote side has exited or crashed.');
    return 0;
  },
});

/** Calls `emit` for each whole line; a last one without newline is not shown, since it was cut off. */
async function copyLines(stream: AsyncIterable<Uint8Array>, emit: (line: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop()!;
    for (const line of lines) emit(line);
  }
}

function isBrokenStream(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE' || code === 'UND_ERR_SOCKET';
}
