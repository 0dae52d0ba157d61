import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { flagTable } from './flag-table.ts';
import { configJsonSchema } from './json-schema.ts';
import { nearest } from './nearest.ts';
import { referencePage, reloadableKeys } from './reference-page.ts';
import { settings } from './settings.ts';

describe('the tables', () => {
  test('no key, alias or flag is there twice', () => {
    const keys = settings.map(({ key }) => key);
    expect(new Set(keys).size).toBe(keys.length);
    const flags = flagTable.map(({ flag }) => flag);
    expect(flags).toEqual([...new Set(flags)].sort());
  });

  test('every old name leads to a setting', () => {
    const keys = new Set<string>(settings.map(({ key }) => key));
    for (const { moved } of settings) if (moved !== undefined) expect(keys).toContain(moved);
  });

  test('what a reload applies is marked', () => {
    expect(reloadableKeys).toEqual(
      expect.arrayContaining(['log_level', 'services', 'watches', 'acl.tokens.agent', 'limits.rpc_rate']),
    );
    expect(reloadableKeys).not.toContain('node_name');
  });
});

const docs = (name: string) => readFileSync(new URL(`../../../docs/${name}`, import.meta.url), 'utf8');

test('docs/configuration.md is what the tables say; `node scripts/config-docs.mjs` writes it', () => {
  expect(docs('configuration.md')).toBe(referencePage());
});

test('docs/configuration.schema.json is what the tables say', () => {
  expect(JSON.parse(docs('configuration.schema.json'))).toEqual(configJsonSchema());
});

test('the nearest word is a slip away, or none', () => {
  expect(nearest('bind_adr', ['bind_addr', 'client_addr'])).toBe('bind_addr');
  expect(nearest('EnableTagOverride', ['enable_tag_override', 'tags'])).toBe('enable_tag_override');
  expect(nearest('xyzzy', ['bind_addr'])).toBeUndefined();
  expect(nearest('a'.repeat(100), ['aaa'])).toBeUndefined();
});
