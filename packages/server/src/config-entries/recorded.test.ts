import { EndpointError } from '@proconsul/endpoints';
import { parseJson } from '@proconsul/gojson';
import { type ConfigEntry, configEntryJson, DecodeError, readConfigEntry } from '@proconsul/schema';
import { encodeCommand, Store } from '@proconsul/store';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { configCommand } from './apply.ts';
import recorded from './testdata/recorded.json' with { type: 'json' };

const PREFIX = 'Request decoding failed: ';

/** The way of a write from its body to the store and back. */
class Entries {
  readonly store = new Store({ datacenter: 'dc1' });
  #index = 0;

  #apply(Op: string, entry: ConfigEntry): unknown {
    const view = {
      get: (kind: string, name: string) => this.store.config.get(kind, name).value,
      list: (kind: string) => this.store.config.list(kind).value,
    };
    const Entry = { CreateIndex: 0, ModifyIndex: 0, ...entry };
    const { type, request } = configCommand({ Datacenter: '', Token: '', Op, Entry }, view);
    return this.store.apply(++this.#index, encodeCommand(type, request));
  }

  /** The stored entry as it is printed, or the refusal. */
  put(body: unknown): { stored: string } | { error: string } {
    try {
      const entry = readConfigEntry(parseJson(new TextEncoder().encode(JSON.stringify(body))));
      expect(this.#apply('upsert', entry)).toBe(true);
      const kind = entry.Kind;
      const name = entry.Name || { mesh: 'mesh', 'proxy-defaults': 'global' }[kind] || '';
      const stored = this.store.config.get(kind, name).value as ConfigEntry;
      return { stored: configEntryJson(stored) };
    } catch (error) {
      if (error instanceof DecodeError) return { error: PREFIX + error.message };
      if (error instanceof EndpointError) return { error: error.message };
      throw error;
    }
  }

  delete(kind: string, name: string): unknown {
    return this.#apply('delete', { Kind: kind, Name: name });
  }
}

/** Without what the recording leaves out. */
function bare(json: string): unknown {
  const { Hash: _, CreateIndex: __, ModifyIndex: ___, Status: ____, ...rest } = JSON.parse(json);
  return Object.entries(rest);
}

describe('entries written one after the other are refused or read back as recorded', () => {
  const entries = new Entries();
  test.for(recorded.vectors.map((v, i) => [i, v.put.Kind, v] as const))('%i %s', ([, , vector]) => {
    const got = entries.put(vector.put);
    if ('error' in vector) expect(got).toEqual({ error: vector.error });
    else expect('stored' in got ? bare(got.stored) : got).toEqual(bare(vector.stored as string));
  });
});

test('a delete that would leave inconsistent protocols is refused', () => {
  const e = new Entries();
  e.put({ Kind: 'service-defaults', Name: 'web', Protocol: 'http' });
  e.put({ Kind: 'proxy-defaults', Name: 'global', Config: { protocol: 'http' } });
  e.put({ Kind: 'service-router', Name: 'web', Routes: [{ Destination: { Service: 'admin' } }] });
  expect(() => e.delete('proxy-defaults', 'global')).toThrow(
    'discovery chain "web" uses inconsistent protocols; service "admin" has "tcp" which is not "http"',
  );
});

test('the hash follows the content, not the indexes', () => {
  const e = new Entries();
  const hashOf = (put: unknown): unknown => {
    const got = e.put(put);
    return 'stored' in got ? /"Hash":(\d+)/.exec(got.stored)?.[1] : got;
  };
  const first = hashOf({ Kind: 'service-defaults', Name: 'a', Protocol: 'http' });
  expect(first).toMatch(/^\d+$/);
  expect(hashOf({ Kind: 'service-defaults', Name: 'a', Protocol: 'tcp' })).not.toBe(first);
  expect(hashOf({ kind: 'service-defaults', name: 'a', protocol: 'HTTP' })).toBe(first);
});

test('any JSON is read or refused with a DecodeError', () => {
  const body = fc.record({ Kind: fc.constantFrom(...recorded.vectors.map((v) => v.put.Kind)) });
  const names = [...new Set(recorded.vectors.flatMap((v) => Object.keys(v.put)))];
  fc.assert(
    fc.property(body, fc.dictionary(fc.constantFrom(...names), fc.jsonValue()), ({ Kind }, fields) => {
      try {
        expect(readConfigEntry({ ...(fields as object), Kind }).Kind).toBe(Kind);
      } catch (error) {
        expect(error).toBeInstanceOf(DecodeError);
      }
    }),
  );
});
