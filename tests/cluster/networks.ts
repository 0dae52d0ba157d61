import { must } from '../chaos/commands.ts';
import { enter, whereAmI } from '../chaos/enter.ts';
import { Links } from '../chaos/links.ts';
import { PORTS } from '../chaos/world.ts';
import type { Place } from './cluster.ts';

/**
 * Runs a program whose agents have a network each, as machines have. Resolves with its exit code; with 2 and a word of why where
 * such networks cannot be made.
 */
export async function inNetworks(
  program: (links: Links, place: (node: string) => Promise<Place>) => Promise<number>,
): Promise<number> {
  const where = await whereAmI();
  if (where.kind === 'outside') return await enter({});
  if (where.kind === 'loopback') {
    console.error(where.why);
    return 2;
  }
  await must('mount', '-t', 'tmpfs', 'tmpfs', '/run');
  const links = await Links.open();
  try {
    return await program(links, async (node) => ({ ...(await links.add(node)), ports: PORTS }));
  } finally {
    await links.close();
  }
}
