/** Certificates taken out of one file. */
const CERTIFICATES_MAX = 1_000;

/** Each certificate of these PEM texts as a text of its own. */
export function certificatesOf(texts: readonly string[]): string[] {
  const found: string[] = [];
  for (const text of texts) {
    for (const [pem] of text.matchAll(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g)) {
      if (found.length < CERTIFICATES_MAX) found.push(`${pem}\n`);
    }
  }
  return found;
}
