import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { allRoutes, describeApi } from '@proconsul/http-api';
import { expect, test } from 'vitest';

test('docs/openapi.json is what the routes say; `npm run openapi` writes it', () => {
  const file = fileURLToPath(new URL('../docs/openapi.json', import.meta.url));
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(JSON.parse(JSON.stringify(describeApi(allRoutes))));
});
