export { parseWatch, WatchError, type WatchHandler, type WatchPlan } from './definition.ts';
export type { ReadAgent, WatchAnswer } from './plan.ts';
export { readByHttp } from './read-agent.ts';
export { shapeOf, type WatchType } from './shapes.ts';
export { WatchSet, type WatchSetDependencies } from './watch-set.ts';
