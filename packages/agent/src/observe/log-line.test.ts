import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { jsonLine, levelOf, textLine } from './log-line.ts';

const at = Date.UTC(2026, 10, 21, 2, 7, 26, 252);
const record = (message: string, fields?: Readonly<Record<string, unknown>>, level = 'INFO' as const) => ({
  wallMs: at,
  level,
  module: 'agent',
  message,
  fields,
});

describe('text lines are those that were recorded', () => {
  test('the level is padded, and nothing follows a message without pairs', () => {
    expect(textLine({ ...record('bootstrap = true: do not enable unless necessary'), level: 'WARN' })).toBe(
      '2026-11-21T02:07:26.252Z [WARN]  agent: bootstrap = true: do not enable unless necessary',
    );
    expect(textLine(record('x'))).toBe('2026-11-21T02:07:26.252Z [INFO]  agent: x');
    expect(textLine({ ...record('x'), level: 'ERROR' })).toBe('2026-11-21T02:07:26.252Z [ERROR] agent: x');
    expect(textLine(record('x', {}))).toBe('2026-11-21T02:07:26.252Z [INFO]  agent: x');
  });

  const pairs: readonly [unknown, string][] = [
    ['127.0.0.1:8600', 'k=127.0.0.1:8600'],
    ['', 'k='],
    [2, 'k=2'],
    [true, 'k=true'],
    ['No cluster leader', 'k="No cluster leader"'],
    ['117.328µs', 'k="117.328µs"'],
    ['/v1/kv/w/?recurse=', 'k=/v1/kv/w/?recurse='],
    ['<none>', 'k=<none>'],
    ['Put "http://x/": EOF', 'k="Put \\"http://x/\\": EOF"'],
    ["tr '\\0' x", 'k="tr \'\\0\' x"'],
    [['/bin/sh', '-c', 'echo "a"'], 'k=["/bin/sh", "-c", "echo \\"a\\""]'],
    [new Error('exit status 3'), 'k="exit status 3"'],
    ['a\tb', 'k="a\\tb"'],
  ];
  test.for(pairs)('%j is written as %s', ([value, text]) => {
    expect(textLine(record('m', { k: value }))).toBe(`2026-11-21T02:07:26.252Z [INFO]  agent: m: ${text}`);
  });

  test('a value of several lines becomes a block that ends with two blanks', () => {
    const fields = { watch_handler: ['/bin/cat'], output: 'Captured 1 of 2 bytes\n...\n\n\tx\n' };
    expect(textLine(record('watch handler output', fields))).toBe(
      '2026-11-21T02:07:26.252Z [INFO]  agent: watch handler output: watch_handler=["/bin/cat"]\n' +
        '  output=\n  | Captured 1 of 2 bytes\n  | ...\n  | \n  | \\tx\n  ',
    );
    expect(textLine(record('Error starting agent', { error: new Error('a\nb') }))).toBe(
      '2026-11-21T02:07:26.252Z [INFO]  agent: Error starting agent:\n  error=\n  | a\n  | b\n  ',
    );
  });

  test('whatever a field holds, a line is never split but by a block', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (value) => {
        const lines = textLine(record('m', { k: value })).split('\n');
        expect(lines.slice(1).every((line) => line.startsWith('  '))).toBe(true);
      }),
    );
  });
});

test('a JSON line names level, message, module and microseconds first, then the pairs as they are', () => {
  expect(
    jsonLine(record('Started DNS server', { address: '127.0.0.1:8600', n: 1, list: ['a'], none: undefined })),
  ).toBe(
    '{"@level":"info","@message":"Started DNS server","@module":"agent","@timestamp":"2026-11-21T02:07:26.252000Z",' +
      '"address":"127.0.0.1:8600","n":1,"list":["a"],"none":null}',
  );
});

test('JSON lines can always be read back', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (message, value) => {
      const read = JSON.parse(jsonLine(record(message, { value })));
      expect([read['@message'], read['value']]).toEqual([message, value]);
    }),
  );
});

test('levels are read in any case; ERR is an old name of ERROR', () => {
  const words = ['trace', 'DEBUG', 'Info', 'warn', 'err', 'ERROR', 'zz', '', 'toString'];
  expect(words.map(levelOf)).toEqual([
    'TRACE',
    'DEBUG',
    'INFO',
    'WARN',
    'ERROR',
    'ERROR',
    undefined,
    undefined,
    undefined,
  ]);
});
