import type { Scene } from './scene.ts';
import type { Need } from './world.ts';

/** One kind of fault. */
export interface Kind {
  readonly name: string;
  /** What happens, in a few words. */
  readonly what: string;
  readonly needs: readonly Need[];
  /** With fewer servers it is another kind's fault. */
  readonly serversMin?: number;
  /** Lets it happen and undoes it: afterwards every process runs again and every link and disk works. */
  run(scene: Scene): Promise<void>;
}

export const kind = (name: string, what: string, needs: readonly Need[], run: Kind['run']): Kind => ({
  name,
  what,
  needs,
  run,
});
