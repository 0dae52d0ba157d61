import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

// The architecture as a test: imports go only down this list, cores touch neither time nor chance nor a socket.

const LAYERS: Readonly<Record<string, number>> = {
  base: 0,
  gojson: 1,
  msgpack: 1,
  hcl: 1,
  bexpr: 1,
  'dns-wire': 1,
  http1: 1,
  yamux: 1,
  schema: 2,
  raft: 3,
  store: 3,
  checks: 3,
  gossip: 3,
  endpoints: 3,
  serf: 4,
  sim: 4,
  'io-node': 4,
  config: 5,
  dns: 5,
  'http-api': 5,
  client: 5,
  rpc: 5,
  discover: 5,
  server: 6,
  agent: 7,
  cli: 8,
  // A folder may have a place of its own: whole agents in a simulation. Nothing else of its package knows of it.
  'sim/agents': 8,
};

/** Packages that may talk to the machine. Everything else gets clock, chance, disk and network from its caller. */
const MAY_USE_NODE = new Set(['io-node', 'agent', 'cli', 'client', 'discover']);

/** How the simulation waits for promises, which no virtual clock drives. */
const REAL_TURNS = 'packages/sim/src/agents/turns.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

interface Source {
  readonly path: string;
  readonly package: string;
  readonly layer: number;
  readonly text: string;
  readonly isTest: boolean;
}

function layerOf(pkg: string, path: string): number {
  const folder = path.split('/src/')[1]?.split('/')[0];
  return LAYERS[`${pkg}/${folder}`] ?? (LAYERS[pkg] as number);
}

function sources(): Source[] {
  const found: Source[] = [];
  const visit = (dir: string, pkg: string) => {
    for (const entry of readdirSync(dir, { withFileTypes: true })) {
      if (entry.name === 'node_modules' || entry.name === 'dist') continue;
      const path = join(dir, entry.name);
      if (entry.isDirectory()) visit(path, pkg);
      else if (entry.name.endsWith('.ts')) {
        found.push({
          path: relative(root, path),
          package: pkg,
          layer: layerOf(pkg, path),
          text: readFileSync(path, 'utf8'),
          isTest:
            /\.(test|bench)\.ts$/.test(entry.name) ||
            /\/(testing|testdata|bench)\//.test(path) ||
            /-suite\.ts$/.test(path),
        });
      }
    }
  };
  for (const entry of readdirSync(join(root, 'packages'), { withFileTypes: true })) {
    if (entry.isDirectory()) visit(join(root, 'packages', entry.name), entry.name);
  }
  return found;
}

const all = sources();
const product = all.filter((s) => !s.isTest);

function imports(text: string): string[] {
  const out: string[] = [];
  for (const m of text.matchAll(/^\s*(?:import|export)\b[^'";]*?from\s*['"]([^'"]+)['"]/gm)) out.push(m[1] as string);
  for (const m of text.matchAll(/\bimport\(\s*['"]([^'"]+)['"]\s*\)/g)) out.push(m[1] as string);
  for (const m of text.matchAll(/^\s*import\s*['"]([^'"]+)['"]/gm)) out.push(m[1] as string);
  return out;
}

/** Text without comments, so that prose about `Date.now` is not taken for its use. */
function code(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|[^:'"`\\])\/\/.*$/gm, '$1');
}

test('every package has a place in the layers', () => {
  expect([...new Set(all.map((s) => s.package))].filter((p) => LAYERS[p] === undefined)).toEqual([]);
});

test('imports between packages go down, and only through the entry of a package', () => {
  const wrong: string[] = [];
  for (const s of product) {
    for (const name of imports(s.text)) {
      const m = /^@proconsul\/([^/]+)(\/.*)?$/.exec(name);
      if (m === null) continue;
      const to = m[1] as string;
      if (to === s.package) wrong.push(`${s.path}: imports its own package by name`);
      else if ((LAYERS[to] ?? 99) >= s.layer) wrong.push(`${s.path}: ${s.package} -> ${to}`);
    }
  }
  expect(wrong).toEqual([]);
});

test('files import each other only from the same place in the layers, or from below', () => {
  const layers = new Map(all.map((s) => [s.path, s.layer]));
  const wrong = product.flatMap((s) =>
    imports(s.text)
      .filter((name) => name.startsWith('.'))
      .map((name) => relative(root, join(dirname(join(root, s.path)), name)))
      .filter((target) => (layers.get(target) ?? 0) > s.layer)
      .map((target) => `${s.path}: ${target}`),
  );
  expect(wrong).toEqual([]);
});

test('what a package imports is declared in its package.json', () => {
  const wrong: string[] = [];
  for (const s of product) {
    const manifest = JSON.parse(readFileSync(join(root, 'packages', s.package, 'package.json'), 'utf8'));
    const declared = { ...manifest.dependencies, ...manifest.optionalDependencies, ...manifest.devDependencies };
    for (const name of imports(s.text)) {
      if (name.startsWith('.') || name.startsWith('node:')) continue;
      const pkg = name.startsWith('@') ? name.split('/').slice(0, 2).join('/') : (name.split('/')[0] as string);
      if (declared[pkg] === undefined) wrong.push(`${s.path}: ${pkg}`);
    }
  }
  expect([...new Set(wrong)]).toEqual([]);
});

test('only the packages that may talk to the machine import it', () => {
  const wrong = product
    .filter((s) => !MAY_USE_NODE.has(s.package))
    .flatMap((s) =>
      imports(s.text)
        .filter((n) => n.startsWith('node:'))
        .map((n) => `${s.path}: ${n}`),
    );
  expect(wrong).toEqual([]);
});

test('time and chance come only from the injected clock and generator', () => {
  const forbidden =
    /\b(Date\.now|new Date\(\)|Math\.random|setTimeout|setInterval|setImmediate|performance\.now|process\.hrtime)\b/;
  const wrong = product
    .filter((s) => !MAY_USE_NODE.has(s.package) && s.path !== REAL_TURNS)
    .filter((s) => forbidden.test(code(s.text)))
    .map((s) => s.path);
  expect(wrong).toEqual([]);
});

test('files of one package import each other without a cycle', () => {
  const graph = new Map<string, string[]>();
  for (const s of product) {
    const dir = dirname(join(root, s.path));
    const targets = imports(code(s.text).replace(/^\s*(import|export) type\b.*$/gm, ''))
      .filter((n) => n.startsWith('.'))
      .map((n) => relative(root, join(dir, n)));
    graph.set(s.path, targets);
  }
  const state = new Map<string, 'open' | 'done'>();
  const cycles: string[] = [];
  const visit = (at: string, trail: readonly string[]) => {
    if (state.get(at) === 'done' || !graph.has(at)) return;
    if (state.get(at) === 'open') {
      cycles.push([...trail.slice(trail.indexOf(at)), at].join(' -> '));
      return;
    }
    state.set(at, 'open');
    for (const next of graph.get(at) as string[]) visit(next, [...trail, at]);
    state.set(at, 'done');
  };
  for (const at of graph.keys()) visit(at, []);
  expect(cycles).toEqual([]);
});

/** Pages for readers, and the folder that the files they name are looked for in. */
function pages(): { readonly path: string; readonly folder: string }[] {
  const readmes = [...new Set(all.map((s) => s.package))].map((name) => `packages/${name}`);
  const docs = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'));
  return [
    ...docs.map((name) => ({ path: `docs/${name}`, folder: 'packages' })),
    ...readmes.map((folder) => ({ path: `${folder}/README.md`, folder })),
  ];
}

test('source files that documentation names are there', () => {
  const known = all.map((s) => s.path);
  const isThere = (name: string, folder: string): boolean => {
    const [pkg, ...rest] = name.split('/');
    if (existsSync(join(root, name)) || existsSync(join(root, folder, name))) return true;
    if (existsSync(join(root, 'packages', pkg as string, 'src', ...rest))) return true;
    // Inside a package, and where no package is named, the end of the path is enough.
    const isShort = folder !== 'packages' || rest.length === 0;
    return isShort && known.some((path) => path.startsWith(`${folder}/`) && path.endsWith(`/${name}`));
  };
  const wrong = pages().flatMap(({ path, folder }) =>
    [...readFileSync(join(root, path), 'utf8').matchAll(/`([\w@./-]+\.ts)`/g)]
      .map(([, name]) => name as string)
      .filter((name) => !isThere(name, folder))
      .map((name) => `${path}: ${name}`),
  );
  expect(wrong).toEqual([]);
});
