export { type ByteBudget, SharedBytes } from './byte-budget.ts';
export { YamuxError } from './errors.ts';
export { decodeHeader, encodeHeader, Flag, type FrameHeader, FrameType, GoAway, HEADER_BYTES } from './frame.ts';
export * from './limits.ts';
export { type YamuxDependencies, type YamuxOptions, YamuxSession } from './session.ts';
