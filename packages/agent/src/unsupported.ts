import type { RuntimeConfig } from '@proconsul/config';

/**
 * What a configuration asks for that this release cannot do, as the text of an error; undefined when it can do it all.
 * An agent that ran on without it would be worse than none: open where access control was wanted.
 */
export function unsupported(config: RuntimeConfig): string | undefined {
  if (config.acl.enabled) return 'acl.enabled: access control is not available in this release';
  if (config.autoConfig.enabled) return 'auto_config.enabled: automatic configuration is not available in this release';
  return undefined;
}
