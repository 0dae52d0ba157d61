export { FrontExchange } from './front-exchange.ts';
export { type FrontDependencies, type FrontHandler, HttpFront } from './http-front.ts';
export { DEFAULT_FRONT_OPTIONS, type FrontOptions } from './options.ts';
export { SharedAnswer } from './shared-answer.ts';
