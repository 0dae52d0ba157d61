export { decodeBase64, encodeBase64 } from './base64.ts';
export { GoJsonError, TooManyValuesError } from './errors.ts';
export { indentJson } from './indent.ts';
export { JsonBytes } from './json-bytes.ts';
export { MAX_DEPTH, type ParseOptions, parseJson, parseJsonDocument, parseJsonInSteps } from './parse.ts';
export { decodeGoUtf8 } from './utf8.ts';
export { type JsonObject, type JsonValue, kindName } from './value.ts';
export { formatFloat, quoteJson, sortKeys, stringifyAny } from './write.ts';
