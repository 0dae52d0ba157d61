import type { Explained } from './load.ts';
import type { Origin } from './source.ts';

/**
 * The effective configuration, one line for each value: `ports.http = 8500  # web.hcl:3:10`. Secrets are hidden;
 * `withDefaults` adds what nobody has set.
 */
export function explainText(sources: readonly Explained[], withDefaults = false): string {
  return sources
    .filter(({ origin }) => withDefaults || origin.source !== 'default')
    .map(({ path, value, origin }) => `${path} = ${JSON.stringify(value)}  # ${originText(origin)}\n`)
    .join('');
}

/** `web.hcl:3:10`, `-bind` or `default`. */
export function originText({ source, line, column }: Origin): string {
  return line === undefined ? source : `${source}:${line}:${column}`;
}
