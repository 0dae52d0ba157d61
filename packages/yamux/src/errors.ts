import { CodedError } from '@proconsul/base';

/**
 * Why a stream or session is of no use any more. The texts are part of the interface: Consul's programs retry reads
 * when they see them at the end of an error.
 */
export class YamuxError extends CodedError {
  override readonly name = 'YamuxError';
}

export const yamuxErrors = {
  endOfFile: () => new YamuxError('YAMUX_EOF', 'EOF'),
  sessionShutdown: () => new YamuxError('YAMUX_SHUTDOWN', 'session shutdown'),
  streamReset: () => new YamuxError('YAMUX_RESET', 'stream reset'),
  streamClosed: () => new YamuxError('YAMUX_CLOSED', 'stream closed'),
  streamsExhausted: () => new YamuxError('YAMUX_EXHAUSTED', 'streams exhausted'),
  remoteGoAway: () => new YamuxError('YAMUX_GO_AWAY', 'remote end is not accepting connections'),
  keepAliveTimeout: () => new YamuxError('YAMUX_KEEPALIVE', 'keepalive timeout'),
  openTimeout: () => new YamuxError('YAMUX_OPEN_TIMEOUT', 'stream open timeout'),
  closeTimeout: () => new YamuxError('YAMUX_CLOSE_TIMEOUT', 'stream close timeout'),
} as const;
