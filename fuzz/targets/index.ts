import { RUNS, type Target } from '../target.ts';
import { codecTargets } from './codecs.ts';
import { edgeTargets } from './edges.ts';
import { gossipTargets } from './gossip.ts';
import { serverTargets } from './servers.ts';
import { stateTargets } from './state.ts';
import { takeoverTargets } from './takeover.ts';
import { textTargets } from './text.ts';

/** Every parser that is attacked. */
export const targets: readonly Target[] = [
  ...textTargets,
  ...codecTargets,
  ...gossipTargets,
  ...serverTargets,
  ...stateTargets,
  ...edgeTargets,
  ...takeoverTargets,
].sort((a, b) => (a.runs ?? RUNS) - (b.runs ?? RUNS));
