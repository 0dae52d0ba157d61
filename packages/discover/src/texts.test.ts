import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseArguments } from './arguments.ts';
import { DiscoverError } from './errors.ts';
import { parseXml } from './xml.ts';
import { parseYaml } from './yaml.ts';

describe('arguments', () => {
  test('are pairs; quotes keep blanks, backslashes the next character', () => {
    const args = parseArguments('provider=k8s label_selector="app = \\"x\\",y" a=b\\ c empty= end="" ');
    expect([args.provider, args.get('label_selector'), args.get('a')]).toEqual(['k8s', 'app = "x",y', 'b c']);
    expect([args.get('empty'), args.get('end'), args.get('none')]).toEqual(['', '', '']);
  });

  test.for(['a', 'a b=c', 'a="b', 'a="b"c', '=x', 'a=b a=c'])('%s is refused', (text) => {
    expect(() => parseArguments(text)).toThrow(DiscoverError);
  });

  test('that are needed, true or false, or one of few are asked for with a reason', () => {
    const args = parseArguments('provider=aws f=yes t=true kind=x');
    expect(args.flag('t')).toBe(true);
    expect(args.flag('none', true)).toBe(true);
    expect(() => args.flag('f')).toThrow('discover-aws: f is neither true nor false: yes');
    expect(() => args.need('tag_key')).toThrow('discover-aws: tag_key must be given');
    expect(() => args.oneOf('kind', ['a', 'b'])).toThrow('discover-aws: kind must be one of a, b, not x');
    expect(args.oneOf('none', ['a', 'b'])).toBe('a');
  });

  test('never fail otherwise', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          parseArguments(text);
        } catch (error) {
          expect(error).toBeInstanceOf(DiscoverError);
        }
      }),
    );
  });
});

describe('XML', () => {
  test('gives elements and texts, without prefixes, comments and attributes', () => {
    const root = parseXml(
      '<?xml version="1.0"?><!-- c --><a:r x="1"><i>1 &lt; 2</i><i><![CDATA[<b>]]></i><e/><n> v </n></a:r>',
    ).find('r');
    expect(root?.all('i').map((i) => i.text)).toEqual(['1 < 2', '<b>']);
    expect([root?.textOf('n'), root?.textOf('e'), root?.find('no')]).toEqual(['v', '', undefined]);
  });

  test('that is rubbish is read as far as it goes', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('<', '>', '/', 'a', '!', '[', ']', ' ', '&') }), (text) => {
        parseXml(text);
      }),
    );
    expect(parseXml('<a>'.repeat(100_000)).name).toBe('');
  });
});

describe('YAML', () => {
  test('a kubeconfig is read', () => {
    const text = [
      '# made by hand',
      'apiVersion: v1',
      'clusters:',
      '- cluster:',
      '    server: https://10.0.0.1:6443 # here',
      '    insecure-skip-tls-verify: true',
      '  name: "one"',
      'users:',
      '  - name: me',
      '    user:',
      "      token: 'it''s'",
      'list:',
      '  - a',
      '  -',
      '    b: c',
      'preferences: {}',
      'current-context:',
    ].join('\n');
    expect(parseYaml(text)).toEqual({
      apiVersion: 'v1',
      clusters: [{ cluster: { server: 'https://10.0.0.1:6443', 'insecure-skip-tls-verify': true }, name: 'one' }],
      users: [{ name: 'me', user: { token: "it's" } }],
      list: ['a', { b: 'c' }],
      preferences: {},
      'current-context': null,
    });
  });

  test('JSON is read, rubbish ends', () => {
    expect(parseYaml('{"a":[1]}')).toEqual({ a: [1] });
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', ':', ' ', '-', '\n', '"', '#', "'") }), (text) => {
        parseYaml(text);
      }),
    );
  });
});
