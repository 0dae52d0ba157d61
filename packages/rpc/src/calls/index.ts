export { callError } from './call-errors.ts';
export { DEFAULT_WAIT_MS, RemoteCaller, type RemoteCallerDependencies, WAIT_MAX_MS } from './remote-caller.ts';
export { type ExtraCalls, serveCalls } from './serve-calls.ts';
export { oneServer, type ServerChoice } from './server-choice.ts';
