import { errorText, type Log } from '@proconsul/base';
import { type ArgsOf, type Caller, Operator, type Usage } from '@proconsul/endpoints';
import { readOnce } from './read-once.ts';

/** What all datacenters hold, but for those that cannot be asked. Source: recorded answers of operator/usage. */
export async function usageEverywhere(
  own: Readonly<Record<string, Usage>>,
  args: ArgsOf<typeof Operator.Usage>,
  others: readonly string[],
  world: { readonly log: Log; callerTo(datacenter: string): Caller },
): Promise<Readonly<Record<string, Usage>>> {
  const answers = await Promise.all(
    others.map(async (Datacenter) => {
      try {
        return await readOnce(world.callerTo(Datacenter), Operator.Usage, { ...args, Datacenter, Global: false });
      } catch (error) {
        world.log.warn('error forwarding usage request to remote datacenter', {
          datacenter: Datacenter,
          error: errorText(error),
        });
        return {};
      }
    }),
  );
  return Object.assign({}, own, ...answers);
}
