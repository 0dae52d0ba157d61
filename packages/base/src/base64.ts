/** Where a text stops being standard base64 with padding, as Go's decoder counts; -1 when it is fine. */
export function firstBadBase64(given: string): number {
  const text = given.replaceAll(/[\r\n]/g, '');
  const body = /^[A-Za-z0-9+/]*/.exec(text)![0];
  const rest = text.slice(body.length);
  if (rest === '') return body.length % 4 === 0 ? -1 : body.length - (body.length % 4);
  const group = body.length % 4;
  if (rest[0] !== '=') return body.length;
  if (group < 2) return body.length;
  const padding = '='.repeat(4 - group);
  if (rest === padding) return -1;
  return rest.startsWith(padding) ? body.length + padding.length : body.length + 1;
}
