// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are the templates of queries
import { compileRegex, type Regex, RegexError } from '@proconsul/bexpr';
import type { PreparedQuery } from '@proconsul/schema';
import { InterpolationError, interpolate, type Scope } from './interpolation.ts';

/** The only type of template: any name that begins with the query's name. */
export const NAME_PREFIX_MATCH = 'name_prefix_match';

export const isTemplate = (query: PreparedQuery): boolean => query.Template.Type !== '';

/**
 * Why a template cannot be used, or null. Every text of it is tried out once.
 * Source: prepared query template documentation; texts as the reference answers them.
 */
export function templateError(query: PreparedQuery): string | null {
  const { Type, Regexp } = query.Template;
  if (Type !== NAME_PREFIX_MATCH) return `Bad Template.Type '${Type}'`;
  try {
    if (Regexp !== '') compileRegex(Regexp);
  } catch (error) {
    if (error instanceof RegexError) return `Bad Regexp: ${error.message}`;
    throw error;
  }
  try {
    renderTemplate(query, query.Name, '');
  } catch (error) {
    if (error instanceof TextError) return error.message;
    throw error;
  }
  return null;
}

class TextError extends Error {
  override readonly name = 'TextError';
}

/** Replaces every text, wherever it is; `path` is the Go path of the value, for errors. */
function mapTexts(value: unknown, path: string, scope: Scope): unknown {
  if (typeof value === 'string') return renderText(value, path, scope);
  if (Array.isArray(value)) return value.map((item, i) => mapTexts(item, `${path}[${i}]`, scope));
  if (typeof value !== 'object' || value === null) return value;
  const out: Record<string, unknown> = Object.create(null);
  for (const [key, inner] of Object.entries(value)) out[key] = mapTexts(inner, `${path}.${key}`, scope);
  return out;
}

function renderText(text: string, path: string, scope: Scope): string {
  try {
    return interpolate(text, scope);
  } catch (error) {
    if (!(error instanceof InterpolationError)) throw error;
    const what = error.kind === 'format' ? 'Bad format' : 'Bad evaluation for';
    throw new TextError(`${what} '${text}' in ${path}: ${error.message}`);
  }
}

/** Compiled patterns of templates. Their number follows that of the stored queries. */
const patterns = new WeakMap<PreparedQuery, Regex>();

function patternOf(query: PreparedQuery): Regex | null {
  if (query.Template.Regexp === '') return null;
  let regex = patterns.get(query);
  if (regex === undefined) {
    regex = compileRegex(query.Template.Regexp);
    patterns.set(query, regex);
  }
  return regex;
}

/** The query that a template makes for a name. `segment` is that of the asking agent. */
export function renderTemplate(query: PreparedQuery, name: string, segment: string): PreparedQuery {
  const groups = patternOf(query)?.groups(name) ?? [];
  const scope: Scope = {
    variables: {
      'name.full': name,
      'name.prefix': query.Name,
      'name.suffix': name.slice(query.Name.length),
      'agent.segment': segment,
    },
    functions: { match: (n) => groups[n] ?? '' },
  };
  const Service = mapTexts(query.Service, 'Service', scope) as PreparedQuery['Service'];
  if (!query.Template.RemoveEmptyTags || Service.Tags === null) return { ...query, Service };
  return { ...query, Service: { ...Service, Tags: Service.Tags.filter((tag) => tag !== '') } };
}
