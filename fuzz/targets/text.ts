import { fromUtf8, ProtocolError, utf8 } from '@proconsul/base';
import {
  CHECK_SERVICE_NODE_FIELDS,
  compileFilter,
  compileRegex,
  FilterError,
  parseFilter,
  RegexError,
  SERVICE_FIELDS,
} from '@proconsul/bexpr';
import { GoJsonError, indentJson, parseJson, parseJsonDocument, stringifyAny } from '@proconsul/gojson';
import { HclError, parseHcl, plainOf, treeOf } from '@proconsul/hcl';
import { parseLenientJson } from '../../packages/hcl/src/lenient-json.ts';
import { BODY_BYTES_MAX, JSON_VALUES_MAX } from '../../packages/http-api/src/api-exchange.ts';
import { Query, unescapePath } from '../../packages/http-api/src/query.ts';
import { recordedTexts, texts } from '../seeds.ts';
import { check, must, refusesWith, START_MS_MAX, type Target, tasksMsMax } from '../target.ts';

const json: Target = {
  name: 'json',
  reads: 'JSON bodies, from HTTP clients',
  seeds: () => [
    ...recordedTexts('gojson/src/testdata/go-json.json'),
    ...texts(
      '{"a":[1,2.5e3,null,true,"\\u00e9\\ud83d\\ude00"],"b":{"c":{}}}',
      '[[[[]]]]',
      '"\\ud800x"',
      '-0.0',
      '1e400',
    ),
  ],
  words: ['{"', '":', '[]', 'null', 'true', 'false', '\\u', '\\ud83d\\ude00', '\\"', '1e309', '\ufeff', '\u2028'],
  taskBytesMax: BODY_BYTES_MAX,
  // Long bodies are looked through, made text and read one after the other.
  taskMsMax: tasksMsMax(3),
  isRefusal: refusesWith(GoJsonError),
  task: (bytes) => void parseJson(bytes, { maxValues: JSON_VALUES_MAX }),
  run(bytes) {
    const value = parseJson(bytes);
    const text = must('what was read can be written', () => stringifyAny(value));
    const again = must('what was written can be read', () => parseJsonDocument(text));
    check(must('writing twice', () => stringifyAny(again)) === text, 'writing is stable');
    must('indenting', () => indentJson(text));
  },
};

const hcl: Target = {
  name: 'hcl',
  taskMsMax: START_MS_MAX,
  reads: 'HCL and lenient JSON, from configuration files and prepared queries',
  seeds: () => [
    ...recordedTexts('hcl/src/testdata/reference.json'),
    ...texts(
      'a = 1\nb "c" { d = [1, "x"] }\n',
      'x = <<EOF\ntext $' + '{a}\nEOF\n',
      '/* c */ a = 0x1F # no\n',
      '{"a": [1, {"b": null}]}',
      // Once filled the heap: each key is one more object in the others.
      `a ${'"" '.repeat(40_000)}`,
    ),
  ],
  wordsOf: ['hcl'],
  words: ['<<EOF\n', '<<-EOF\n', 'EOF', '${', '}', '/*', '*/', '//', '#', ' = ', '{\n', '0x', '1e9', '"\\', '\\u00e9'],
  taskBytesMax: 128 * 1024,
  runs: 500_000,
  isRefusal: refusesWith(HclError),
  task(bytes) {
    const text = fromUtf8(bytes);
    if (text.startsWith('{')) parseLenientJson(text);
    else parseHcl(text);
  },
  run(bytes) {
    const text = fromUtf8(bytes);
    const object = text.startsWith('{') ? parseLenientJson(text) : parseHcl(text);
    const tree = treeOf(object);
    must('a plain value', () => plainOf(tree));
  },
};

/** Instances that filters are tried on. */
const SERVICE = {
  Kind: '',
  ID: 'web-1',
  Service: 'web',
  Tags: ['v1', 'primary'],
  Meta: { version: '4', 'a b': '' },
  Port: 80,
  Address: '10.0.0.1',
  TaggedAddresses: { lan: { Address: '10.0.0.1', Port: 80 } },
  Weights: { Passing: 1, Warning: 1 },
  EnableTagOverride: false,
};

const filter: Target = {
  name: 'filter',
  reads: 'filter expressions, from HTTP clients and other agents',
  seeds: () => [
    ...recordedTexts('bexpr/src/testdata/filters.json', (t) => t.length < 300),
    ...texts(
      'Service == web and "v1" in Tags or not (Meta.version matches "^4$")',
      'Meta["a b"] is empty',
      'ServiceMeta contains x',
      // Once more arguments than a call may have.
      `Service == "${'\u4e2d'.repeat(60_000)}\\n"`,
    ),
  ],
  wordsOf: ['bexpr'],
  words: [
    ' and ',
    ' or ',
    'not ',
    ' in ',
    ' not in ',
    ' contains ',
    ' is empty',
    ' is not empty',
    ' matches ',
    ' == ',
    ' != ',
    '"',
    '`',
    '/',
    '(',
    ')',
    '["',
    'Meta',
    'any ',
    'all ',
    ' as ',
  ],
  taskBytesMax: 65_536,
  isRefusal: refusesWith(FilterError),
  task: (bytes) => void compileFilter(fromUtf8(bytes), SERVICE_FIELDS),
  run(bytes) {
    const text = fromUtf8(bytes);
    parseFilter(text);
    const test = compileFilter(text, SERVICE_FIELDS);
    const first = must('a filter that compiles can be asked', () => test.matches(SERVICE));
    check(typeof first === 'boolean', 'a filter answers yes or no');
    try {
      compileFilter(text, CHECK_SERVICE_NODE_FIELDS);
    } catch (error) {
      if (!(error instanceof FilterError)) throw error;
    }
  },
};

const regex: Target = {
  name: 'regex',
  reads: 'patterns of filters and prepared queries, from HTTP clients',
  seeds: () =>
    texts(
      '^geo-db-(.*?)-([^\\-]+?)$',
      'a{2,5}(b|c)*',
      '[[:alpha:]\\d]+',
      '(?i:x)(?P<n>y)',
      '\\pL\\Q.*\\E',
      '(a*)*$',
      '(x+x+)+y',
      '\\x{10FFFF}',
    ),
  words: [
    '(?',
    '(?:',
    '(?P<',
    '[[:',
    ':]]',
    '{1000}',
    '{2,}',
    '\\p{Greek}',
    '\\b',
    '*?',
    '|',
    '^',
    '$',
    '\\x{',
    '(?s)',
    '\\C',
  ],
  inputBytesMax: 256,
  taskBytesMax: 2048,
  runs: 200_000,
  isRefusal: refusesWith(RegexError),
  run(bytes) {
    const compiled = compileRegex(fromUtf8(bytes));
    must('a pattern that compiles can be matched', () =>
      compiled.test('geo-db-customer-master aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaxxxxxxxxxxxxxxxxxxxxxxxx'),
    );
  },
};

const query: Target = {
  name: 'http-query',
  reads: 'query strings and escaped paths, from HTTP clients',
  seeds: () =>
    texts(
      'a=1&b&c=x%20y+z',
      'dc=dc1&index=21&wait=5s&filter=Service%20%3D%3D%20web',
      '%zz',
      'a=%ff%fe&b=%C3%A9',
      'x;y',
      '=&&=',
    ),
  words: ['%', '%2', '%2F', '%00', '%C3%A9', '%ff', '+', '&', '=', ';'],
  taskBytesMax: 16 * 1024,
  task: (bytes) => void Query.parse(Buffer.from(bytes).toString('latin1')),
  run(bytes) {
    const text = Buffer.from(bytes).toString('latin1');
    unescapePath(text);
    const parsed = Query.parse(text);
    if (parsed === undefined) throw new ProtocolError('QUERY', 'malformed');
    const encoded = must('encoding', () => parsed.encode());
    const again = Query.parse(encoded);
    check(again !== undefined, 'what was encoded is read');
    check(again!.encode() === encoded, 'encoding is stable');
    for (const part of text.split('&', 8)) {
      const name = part.split('=')[0]!;
      check(again!.has(name) === parsed.has(name) && again!.get(name) === parsed.get(name), 'the same values');
    }
    check(utf8(encoded).length <= 9 * bytes.length + 16, 'bounded output');
  },
};

export const textTargets: readonly Target[] = [json, hcl, filter, regex, query];
