export type { Expression, Match, Operator } from './ast.ts';
export { bindFilter, type FieldKind, type FieldMap } from './bind.ts';
export type { ScalarKind } from './coerce.ts';
export { FILTER_ERROR_PREFIX, FilterError, type FilterErrorCode } from './errors.ts';
export { compileFilter, type Filter } from './filter.ts';
export { MAX_FILTER_DEPTH, MAX_FILTER_LENGTH, parseFilter } from './parse.ts';
export { MATCH_FREE_MS, SLOW_MATCHES_MS_MAX } from './patience.ts';
export {
  CHECK_FIELDS,
  CHECK_SERVICE_NODE_FIELDS,
  INTENTION_FIELDS,
  MEMBER_FIELDS,
  NODE_FIELDS,
  NODE_INFO_FIELDS,
  SERVICE_DEFAULTS_FIELDS,
  SERVICE_FIELDS,
  SERVICE_NODE_FIELDS,
} from './records.ts';
export { compileRegex, MAX_PATTERN_LENGTH, MAX_REPEATED_SIZE, type Regex, RegexError } from './regex.ts';
