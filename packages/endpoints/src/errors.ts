import { CodedError } from '@proconsul/base';

/** An error of the server layer. HTTP answers it with `status` and the bare message. */
export class EndpointError extends CodedError {
  override readonly name = 'EndpointError';
  readonly status: number;
  constructor(code: string, message: string, status = 500) {
    super(code, message);
    this.status = status;
  }
}

export const noLeader = () => new EndpointError('NO_LEADER', 'No cluster leader');
export const noPathToDatacenter = () => new EndpointError('NO_PATH_TO_DC', 'No path to datacenter');
export const noServers = () => new EndpointError('NO_SERVERS', 'No known Consul servers');
export const notReadyForConsistentReads = () => new EndpointError('NOT_READY', 'Not ready to serve consistent reads');
/** A request that the server refuses for what is in it. */
export const invalid = (message: string) => new EndpointError('INVALID', message);
/** A command that was committed and then refused by the state machine. */
export const applyFailed = (message: string) => new EndpointError('APPLY_FAILED', message);
