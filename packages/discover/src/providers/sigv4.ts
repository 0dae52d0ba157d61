import { createHash, createHmac } from 'node:crypto';
import type { HttpRequest } from '../http.ts';

export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

/**
 * A POST signed with AWS Signature Version 4. `headers` must not hold `host`.
 * Source: AWS documentation "Create a signed AWS API request"; the test uses its published example keys.
 */
export function signedPost(
  request: { readonly url: string; readonly headers: Readonly<Record<string, string>>; readonly body: string },
  scope: { readonly region: string; readonly service: string; readonly nowMs: number },
  credentials: AwsCredentials,
): HttpRequest {
  const url = new URL(request.url);
  const time = new Date(scope.nowMs).toISOString().replace(/[-:]|\.\d{3}/g, '');
  const day = time.slice(0, 8);
  const headers: Record<string, string> = { ...request.headers, host: url.host, 'x-amz-date': time };
  if (credentials.sessionToken !== '') headers['x-amz-security-token'] = credentials.sessionToken;
  const names = Object.keys(headers)
    .map((name) => name.toLowerCase())
    .sort();
  const byName = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value.trim()]));
  const canonical = [
    ...['POST', url.pathname, url.searchParams.toString()],
    ...names.map((name) => `${name}:${byName.get(name)}`),
    ...['', names.join(';'), sha256(request.body)],
  ].join('\n');
  const range = `${day}/${scope.region}/${scope.service}/aws4_request`;
  const text = `AWS4-HMAC-SHA256\n${time}\n${range}\n${sha256(canonical)}`;
  const steps = [day, scope.region, scope.service, 'aws4_request'];
  const key = steps.reduce<string | Buffer>((before, step) => hmac(before, step), `AWS4${credentials.secretAccessKey}`);
  const signature = hmac(key, text).toString('hex');
  headers['authorization'] =
    `AWS4-HMAC-SHA256 Credential=${credentials.accessKeyId}/${range}, SignedHeaders=${names.join(';')}, Signature=${signature}`;
  return { method: 'POST', url: request.url, headers, body: request.body };
}
