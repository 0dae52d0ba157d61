import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ConfigError } from './errors.ts';
import { explainText } from './explain.ts';
import { settings } from './settings.ts';
import vectors from './testdata/validate.json' with { type: 'json' };
import { load } from './testing/world.ts';

const leaf = fc.oneof(fc.string(), fc.integer(), fc.double({ noNaN: true }), fc.boolean(), fc.constant(null));
const value = fc.letrec((tie) => ({
  any: fc.oneof({ maxDepth: 4 }, leaf, fc.array(tie('any'), { maxLength: 3 }), tie('map')),
  map: fc.dictionary(fc.oneof(fc.string(), fc.constantFrom('name', 'check', 'http', '__proto__')), tie('any'), {
    maxKeys: 4,
  }),
})).any;

/** Settings with values of any type at their places. */
const document = fc
  .array(fc.tuple(fc.constantFrom(...settings.map(({ key }) => key)), value), { maxLength: 5 })
  .map((pairs) => {
    const root: Record<string, unknown> = {};
    for (const [key, inner] of pairs) {
      const parts = key.split('.');
      const last = parts.pop()!;
      let at = root;
      for (const part of parts) {
        const next = at[part];
        at = at[part] = next !== null && typeof next === 'object' ? (next as Record<string, unknown>) : {};
      }
      at[last] = inner;
    }
    return root;
  });

function loadsOrRefuses(text: string, format: string): void {
  try {
    load(['-config-file', 'x', '-config-format', format, '-dev'], { x: text });
  } catch (thrown) {
    if (!(thrown instanceof ConfigError)) throw thrown;
    expect(thrown.message).not.toBe('');
  }
}

test('any JSON document loads or is refused with ConfigError', () => {
  fc.assert(
    fc.property(document, (root) => loadsOrRefuses(JSON.stringify(root), 'json')),
    { numRuns: 400 },
  );
});

test('any text loads or is refused with ConfigError', () => {
  const text = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom(...vectors.map((vector) => vector.text)));
  fc.assert(
    fc.property(text, text, fc.nat(), (a, b, cut) => {
      const mixed = a.slice(0, cut % (a.length + 1)) + b;
      loadsOrRefuses(mixed, 'hcl');
      loadsOrRefuses(mixed, 'json');
    }),
    { numRuns: 400 },
  );
});

/** A file as people write it. */
const REAL = `
datacenter = "east-1"
data_dir = "/var/lib/agent"
server = true
bootstrap_expect = 3
bind_addr = "10.0.0.5"
client_addr = "127.0.0.1"
retry_join = ["10.0.0.6", "10.0.0.7"]
ports { http = 8500 https = 8501 dns = 53 }
telemetry { prometheus_retention_time = "60s" disable_hostname = true }
limits { http_max_conns_per_client = 400 }
service {
  name = "web"
  port = 80
  tags = ["v1", "green"]
  meta { version = "1" }
  check { http = "http://127.0.0.1/health" interval = "10s" timeout = "1s" }
}
`;

const TOKENS = /"[^"]*"|[A-Za-z0-9_.]+|[{}[\]=,]/g;

function effective(text: string): string | undefined {
  try {
    const { runtime, sources } = load(['-config-file', 'x.hcl'], { 'x.hcl': text });
    expect(sources.length).toBeGreaterThan(0);
    return JSON.stringify({ ...runtime, configFiles: [] });
  } catch (thrown) {
    if (thrown instanceof ConfigError) return undefined;
    throw thrown;
  }
}

test('a token lost in a file is noticed, save where what is left is complete and says something else', () => {
  const whole = effective(REAL);
  const quiet: string[] = [];
  for (const match of REAL.matchAll(TOKENS)) {
    const mutant = REAL.slice(0, match.index) + REAL.slice(match.index + match[0].length);
    const result = effective(mutant);
    if (result === undefined || result === whole) continue;
    quiet.push(match[0]);
  }
  // Only whole list elements can go without the rest becoming wrong.
  expect(quiet).toEqual(['"10.0.0.6"', '"10.0.0.7"', '"v1"', '"green"']);
});

test('a token written twice in a file is noticed, or changes nothing but its own value', () => {
  const whole = effective(REAL);
  const quiet = [...REAL.matchAll(TOKENS)].filter((match) => {
    const end = match.index + match[0].length;
    const result = effective(`${REAL.slice(0, end)} ${match[0]}${REAL.slice(end)}`);
    return result !== undefined && result !== whole;
  });
  expect(quiet.map(([text]) => text)).toEqual([]);
});

test('explain never throws for what loads', () => {
  for (const { text, format, output } of vectors) {
    if (!output.startsWith('Configuration is valid!')) continue;
    const { sources } = load(['-config-file', 'vector', '-config-format', format], { vector: text });
    expect(explainText(sources, true).split('\n').length).toBeGreaterThan(50);
  }
});
