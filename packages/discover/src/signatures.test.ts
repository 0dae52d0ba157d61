import { expect, test } from 'vitest';
import { signedQuery } from './providers/aliyun.ts';
import { signedPost } from './providers/sigv4.ts';
import { signed } from './providers/tencentcloud.ts';

test('AWS: the case post-vanilla of the published test suite', () => {
  const request = signedPost(
    { url: 'https://example.amazonaws.com/', headers: {}, body: '' },
    { region: 'us-east-1', service: 'service', nowMs: Date.UTC(2015, 7, 30, 12, 36) },
    { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY', sessionToken: '' },
  );
  expect(request.headers?.['authorization']).toBe(
    'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, ' +
      'Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b',
  );
});

test('Tencent Cloud: the example of the documentation', () => {
  const body = '{"Limit": 1, "Filters": [{"Values": ["\\u672a\\u547d\\u540d"], "Name": "instance-name"}]}';
  const call = { action: 'DescribeInstances', region: 'ap-guangzhou', nowMs: 1551113065_000 };
  const keys = { id: 'AKID********************************', secret: '********************************' };
  expect(signed(body, call, keys).headers?.['Authorization']).toContain(
    'Credential=AKID********************************/2019-02-25/cvm/tc3_request, SignedHeaders=content-type;host;x-tc-action, ' +
      'Signature=10b1a37a7301a02ca19a647ad722d5e43b4b3cff309d421d85b46093f6ab6c4f',
  );
});

test('Alibaba Cloud: the example of the documentation', () => {
  const query = signedQuery(
    {
      ...{ Timestamp: '2016-02-23T12:46:24Z', Format: 'XML', AccessKeyId: 'testid', Action: 'DescribeRegions' },
      ...{ SignatureMethod: 'HMAC-SHA1', SignatureNonce: '3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf' },
      ...{ Version: '2014-05-26', SignatureVersion: '1.0' },
    },
    'testsecret',
  );
  expect(new URLSearchParams(query).get('Signature')).toBe('OLeaidS1JvxuMvnyHOwuJ+uX5qY=');
});
