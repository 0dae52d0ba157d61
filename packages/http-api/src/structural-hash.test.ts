import { parseJson } from '@proconsul/gojson';
import { expect, test } from 'vitest';
import { hashBool, hashInt, hashJson, hashStruct, hashText } from './structural-hash.ts';

// Printed by the hashstructure library, format 1.
const json = [
  ['""', 'cbf29ce484222325'],
  ['"abc"', 'd8dcca186bafadcb'],
  ['"é"', '831c507b4ea243d'],
  ['true', 'af63bd4c8601b7de'],
  ['false', 'af63bd4c8601b7df'],
  ['null', 'a8c7f832281a39c5'],
  ['1.5', 'a8c7b0322819bf52'],
  ['0', 'a8c7f832281a39c5'],
  ['-3', 'a8c80032281a479d'],
  ['[]', '0'],
  ['["a","b"]', '25a4fca41fa59b70'],
  ['{}', '0'],
  ['{"a":"b","c":"d"}', '78e39e2dec0d83e0'],
  ['{"c":"d","a":"b"}', '78e39e2dec0d83e0'],
  ['{"a":null,"b":1,"c":[1,"x"],"d":{}}', '5f95ff733e8a9e14'],
] as const;

test.for(json)('JSON hashes as the library hashes what it decodes to: %s', ([text, hash]) => {
  expect(hashJson(parseJson(new TextEncoder().encode(text))).toString(16)).toBe(hash);
});

test.for([
  [0, 'a8c7f832281a39c5'],
  [1, 'e3757ca7d64666ea'],
  [-1, 'd65de7467f38b96d'],
  [65535, 'b9407487a98fb067'],
] as const)('whole number %d hashes as the library hashes an int', ([value, hash]) => {
  expect(hashInt(value).toString(16)).toBe(hash);
});

test('a structure hashes with its name, whatever the order of its fields', () => {
  const [A, B] = [hashText('x'), hashInt(2)];
  expect(hashStruct('S', { A, B }).toString(16)).toBe('2f4b573383e3053b');
  expect(hashStruct('S', { B, A })).toBe(hashStruct('S', { A, B }));
  expect(hashStruct('S', { A: hashBool(true), B })).not.toBe(hashStruct('S', { A, B }));
});
