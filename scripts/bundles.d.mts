import type { BuildOptions } from 'esbuild';

/** Each bundle by its name. */
export const bundles: Readonly<Record<'bundle' | 'commands', BuildOptions>>;
export function options(name: string, dist: string): BuildOptions;
