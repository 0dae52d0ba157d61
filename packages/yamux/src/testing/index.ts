export { PipeEnd, type PipeOptions, pipe } from './pipe.ts';
export { type LogLine, recordingLog } from './recording-log.ts';
