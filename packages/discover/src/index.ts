export { type Arguments, parseArguments } from './arguments.ts';
export { DISCOVERY_METHODS, type DiscoverOptions, discover } from './discover.ts';
export { DiscoverError } from './errors.ts';
export { type HttpAnswer, type HttpRequest, httpSend } from './http.ts';
export type { World } from './world.ts';
