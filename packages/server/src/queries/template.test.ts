// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are the templates of queries
import { PreparedQuery } from '@proconsul/schema';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InterpolationError, interpolate } from './interpolation.ts';
import { renderTemplate, templateError } from './template.ts';
import { checkQuery } from './validate.ts';

const zero = PreparedQuery.zero();

function template(given: { Regexp?: string; service?: string; tags?: string[]; empty?: boolean }): PreparedQuery {
  return {
    ...zero,
    Name: 't5-',
    Template: { Type: 'name_prefix_match', Regexp: given.Regexp ?? '', RemoveEmptyTags: given.empty ?? false },
    Service: { ...zero.Service, Service: given.service ?? 'x', Tags: given.tags ?? null },
  };
}

describe('a template', () => {
  test('renders every text of the service with the parts of the name', () => {
    const q = template({
      Regexp: '^t5-(\\d+)$',
      service: 's$${x}${match(1)}-${name.full}-${name.prefix}-${name.suffix}',
    });
    expect(renderTemplate(q, 't5-12', '').Service.Service).toBe('s${x}12-t5-12-t5--12');
    expect(renderTemplate(q, 't5-xx', '').Service.Service).toBe('s${x}-t5-xx-t5--xx');
  });

  test('keeps empty tags unless told otherwise', () => {
    expect(renderTemplate(template({ tags: ['${match(2)}', 'x'] }), 't5-', '').Service.Tags).toEqual(['', 'x']);
    expect(renderTemplate(template({ tags: ['${match(2)}', 'x'], empty: true }), 't5-', '').Service.Tags).toEqual([
      'x',
    ]);
  });

  test.for([
    ['${nope}', "Bad evaluation for '${nope}' in Service.Service: 1:3: unknown variable accessed: nope"],
    [
      '${upper(name.full)}',
      "Bad evaluation for '${upper(name.full)}' in Service.Service: 1:3: unknown function called: upper",
    ],
    [
      '${name.full',
      'Bad format \'${name.full\' in Service.Service: parse error at 1:12: expected "}" but found end of string',
    ],
    [
      '${match("a")}',
      'Bad evaluation for \'${match("a")}\' in Service.Service: __builtin_StringToInt: strconv.ParseInt: parsing "a": invalid syntax',
    ],
  ])('with %s is refused', ([text, error]) => {
    expect(templateError(template({ service: text as string }))).toBe(error);
  });

  test('with a bad pattern or type is refused', () => {
    expect(templateError(template({ Regexp: '(' }))).toBe('Bad Regexp: error parsing regexp: missing closing ): `(`');
    const q = template({});
    expect(templateError({ ...q, Template: { ...q.Template, Type: 'nope' } })).toBe("Bad Template.Type 'nope'");
  });

  test('may compute, and may hold texts with expressions', () => {
    const scope = { variables: { a: 'b' }, functions: {} };
    expect(interpolate('${1+2*3}-${"x${a}"}', scope)).toBe('7-xb');
  });

  test('of any text gives a text or an InterpolationError', () => {
    const part = fc.constantFrom('${', '}', '"', '(', ')', '$${', 'name', '1', '+', '/', ' ', '\\', 'match');
    const scope = { variables: { name: 'n' }, functions: { match: (n: number) => String(n) } };
    fc.assert(
      fc.property(fc.array(part, { maxLength: 40 }), (parts) => {
        try {
          expect(typeof interpolate(parts.join(''), scope)).toBe('string');
        } catch (error) {
          expect(error).toBeInstanceOf(InterpolationError);
        }
      }),
    );
  });
});

describe('a query', () => {
  const query = (given: Partial<PreparedQuery>, service: Partial<PreparedQuery['Service']> = {}) => ({
    ...zero,
    Name: 'q',
    ...given,
    Service: { ...zero.Service, Service: 'db', ...service },
  });
  const failover = (given: object) => ({ Failover: { NearestN: 0, Datacenters: null, Targets: null, ...given } });

  test.for([
    [query({ Name: '' }), 'Must be bound to a session'],
    [query({}, { Service: '' }), 'Must provide a Service name to query'],
    [query({ DNS: { TTL: 'abc' } }), 'Bad DNS TTL \'abc\': time: invalid duration "abc"'],
    [query({ DNS: { TTL: '-1s' } }), "DNS TTL '-1000000000', must be >=0"],
    [query({}, failover({ NearestN: -1 })), "Bad NearestN '-1', must be >= 0"],
    [
      query({}, failover({ NearestN: 1, Targets: [{ Peer: 'a', Datacenter: '' }] })),
      'Targets cannot be populated with NearestN or Datacenters',
    ],
    [query({}, { NodeMeta: { '': 'x' } }), "Couldn't load metadata pair ('', 'x'): Key cannot be blank"],
    [query({}, { SamenessGroup: 'x' }), 'sameness-groups are an enterprise-only feature'],
  ] as const)('is refused: %#', ([bad, text]) => {
    expect(() => checkQuery(bad)).toThrow(`Invalid prepared query: ${text}`);
  });

  test('with a service and a name is taken', () => {
    expect(() => checkQuery(query({}))).not.toThrow();
  });
});
