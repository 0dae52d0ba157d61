import { expect, test } from 'vitest';
import { checkIncoming } from './tls-files.ts';

const none = { caFile: '', caPath: '', certFile: '', keyFile: '', verifyIncoming: false };
const both = { ...none, caFile: 'ca.pem', verifyIncoming: true };

/** The text with which settings are refused, or an empty one. */
function refusal(part: 'https' | 'grpc' | 'internalRpc', given: Partial<typeof none>, autoTls = false): string {
  try {
    checkIncoming({ autoTls, https: none, grpc: none, internalRpc: none, [part]: given } as never);
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

test.for(['https', 'grpc', 'internalRpc'] as const)('who demands certificates on %s must have one to show', (part) => {
  const text =
    'VerifyIncoming requires either a Cert and Key pair in the configuration file, or auto_encrypt/auto_config be enabled';
  expect(refusal(part, both)).toBe(text);
  expect(refusal(part, { ...both, certFile: 'cert.pem' })).toBe(text);
  expect(refusal(part, { ...both, certFile: 'cert.pem', keyFile: 'key.pem' })).toBe('');
  expect(refusal(part, both, true)).toBe('');
  expect(refusal(part, { ...both, verifyIncoming: false })).toBe('');
  expect(refusal(part, { ...both, caFile: '' })).toBe('VerifyIncoming set but no CA certificates were provided');
});
