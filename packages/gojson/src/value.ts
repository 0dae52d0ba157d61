/** What a JSON text holds. Integers that a double cannot hold exactly are bigint. */
export type JsonValue = null | boolean | number | bigint | string | JsonValue[] | JsonObject;

export interface JsonObject {
  [key: string]: JsonValue;
}

/** The word that Go's "cannot unmarshal X into" messages use for a value. */
export function kindName(value: JsonValue | undefined): 'string' | 'number' | 'bool' | 'object' | 'array' | 'null' {
  switch (typeof value) {
    case 'string':
      return 'string';
    case 'number':
    case 'bigint':
      return 'number';
    case 'boolean':
      return 'bool';
    default:
      if (value === null || value === undefined) return 'null';
      return Array.isArray(value) ? 'array' : 'object';
  }
}

/**
 * Sets `object[key]` as an own property whatever the key is: a plain assignment to `__proto__` would change the
 * object's prototype instead.
 */
export function setOwn<T>(object: Record<string, T>, key: string, value: T): void {
  if (key === '__proto__') {
    Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
  } else {
    object[key] = value;
  }
}
