import { randomBytes } from 'node:crypto';
import type { KeyringResponse } from '@proconsul/client';
import { command } from '../command.ts';
import { goError } from '../go-error.ts';

/** A gossip key for AES-256. */
const KEY_BYTES = 32;
const RELAY_FACTOR_MAX = 5;

export const keygen = command({
  name: 'keygen',
  args: '',
  help: 'Makes a new key of 32 random bytes for encrypting gossip, in the form that the configuration takes.',
  flags: {},
  async run(c) {
    c.print(randomBytes(KEY_BYTES).toString('base64'));
    return 0;
  },
});

const PROGRESS = {
  list: 'Gathering installed encryption keys...',
  'list-primary': 'Gathering installed primary encryption keys...',
  install: 'Installing new gossip encryption key...',
  use: 'Changing primary gossip encryption key...',
  remove: 'Removing gossip encryption key...',
} as const;

export const keyring = command({
  name: 'keyring',
  args: '[options]',
  help:
    'Shows and changes the keys that encrypt gossip, on all members at once. To change keys without a gap: install\n' +
    'the new one, make it the primary one with -use, then remove the old one. Exactly one action at a time.',
  http: {},
  flags: {
    install: { kind: 'string', doc: 'Install a new key on all members.' },
    list: { kind: 'bool', doc: 'List the keys that are installed, and on how many members.' },
    'list-primary': { kind: 'bool', doc: 'List the primary keys.' },
    'local-only': { kind: 'bool', doc: 'Ask the local servers only. For listing only.' },
    'relay-factor': { kind: 'int', doc: 'How many other members relay each answer, 0 to 5.' },
    remove: { kind: 'string', doc: 'Remove a key that is not the primary one.' },
    use: { kind: 'string', doc: 'Make an installed key the primary one.' },
  },
  async run(c) {
    const { flags } = c;
    const actions = (Object.keys(PROGRESS) as (keyof typeof PROGRESS)[]).filter((name) => flags[name]);
    const [action] = actions;
    if (action === undefined) return c.usage();
    if (actions.length > 1) return c.fail('Only a single action is allowed');
    const relayFactor = flags['relay-factor'];
    if (relayFactor < 0 || relayFactor > RELAY_FACTOR_MAX) {
      return c.fail('Error parsing relay factor: Relay factor must be in range: [0, 5]');
    }
    const isList = action === 'list' || action === 'list-primary';
    const localOnly = flags['local-only'];
    if (localOnly && !isList) {
      return c.fail('Error validating local-only: local-only can only be set for list requests');
    }
    const { operator } = c.consul;
    c.print(`==> ${PROGRESS[action]}`);
    try {
      if (!isList) {
        await operator.changeKeyring(action, flags[action], { relayFactor });
        return 0;
      }
      const pools = await operator.keyring({ relayFactor, localOnly });
      c.io.write(poolsText(pools, action === 'list' ? 'Keys' : 'PrimaryKeys'));
      return 0;
    } catch (error) {
      return c.fail(`error: ${goError(error)}`);
    }
  },
});

function poolsText(pools: readonly KeyringResponse[], member: 'Keys' | 'PrimaryKeys'): string {
  return pools
    .map((pool) => {
      const segment = pool.Segment ? ` [${pool.Segment}]` : '';
      const title = pool.WAN ? 'WAN' : `${pool.Datacenter} (LAN)${segment}`;
      const messages = Object.entries(pool.Messages ?? {}).map(([node, text]) => `  ===> ${node}: ${text}\n`);
      const keys = Object.entries(pool[member]).map(([key, count]) => `  ${key} [${count}/${pool.NumNodes}]\n`);
      return `\n${title}:\n${messages.join('')}${keys.join('')}`;
    })
    .join('');
}
